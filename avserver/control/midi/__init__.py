"""MIDI controllers: ports that come back by themselves, what their messages mean, and which parameters they turn.

    ports ──► bytes ──► decoder ──► moves ──► grips ──► events for the desk
      ▲                                         │
      └──────────── feedback ◄──────────────────┘

`ports` has a thread of its own; everything else happens in the engine's thread, in `hand`.
"""
