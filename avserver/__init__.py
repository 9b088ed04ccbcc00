"""avserver: an instrument that listens to music and plays a StyleGAN generator with it.

    audio ──► analysis ──► Signals ─┐
                                    ├──► scene ──► FrameSpec ──► generator ──► Frame ──► outputs
    osc · midi · web ────► control ─┘              (small,        (its own      (uint8)   zeromq · web
                            Params                  serialisable)  process)

One folder a stage. `signals`, `frame_spec`, `frame` and `frame_ring` are the plain data that the
stages hand each other. `engine` is the one module that knows them all.
"""
