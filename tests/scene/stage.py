"""A scene, played frame by frame with hand-made signals."""

from collections.abc import Mapping, Sequence

import numpy.typing as npt

from avserver.control.mapping import parse_patch
from avserver.control.params import Params, Value
from avserver.frame_spec import FrameSpec, LatentTerm, ModelShape
from avserver.scene.scene import Scene
from avserver.signals import Onset
from tests.control.heard import heard

FPS = 30


def model_shape(num_ws: int, resolution: int) -> ModelShape:
    """Return the shape of a StyleGAN2, as far as a scene is concerned."""
    resolutions = tuple(2**power for power in range(2, resolution.bit_length()))
    return ModelShape(num_ws, resolutions, tuple(f"b{r}" for r in resolutions))


class Stage:
    """Plays a scene: knobs stay where they are turned, time goes on by a frame at each call of `frame`."""

    def __init__(self, mapping: str, *, num_ws: int = 8, resolution: int = 32, fps: float = FPS) -> None:
        self.patch = parse_patch(mapping, file="test.toml")
        self.scene = Scene(self.patch)
        self.model = model_shape(num_ws, resolution)
        self.knobs: dict[str, Value] = self.patch.param_table().defaults()
        self.fps = fps
        self.tick = -1

    @property
    def t_s(self) -> float:
        return self.tick / self.fps

    def turn(self, address: str, value: Value) -> None:
        assert address in self.knobs
        self.knobs[address] = value

    def panic(self) -> FrameSpec:
        self.knobs = self.patch.param_table().defaults()
        return self.frame("/panic")

    def frame(
        self,
        *fired: str,
        onsets: Sequence[Onset] = (),
        segment: int = 0,
        segment_s: float = 0.0,
        chroma: npt.ArrayLike | None = None,
        chroma_sync: npt.ArrayLike | None = None,
        glides: Mapping[str, float] | None = None,
    ) -> FrameSpec:
        self.tick += 1
        signals = heard(
            self.t_s, onsets=onsets, segment=segment, segment_s=segment_s, chroma=chroma, chroma_sync=chroma_sync
        )
        params = Params(dict(self.knobs), frozenset(fired), glides or {})
        self.scene.update(self.t_s, signals, params)
        return self.scene.spec(self.tick, self.t_s, params, self.model)


def weights_of(term: LatentTerm) -> dict[int, float]:
    """Return the weight of each seed of a term."""
    return dict(zip(term.seeds, term.weights, strict=True))
