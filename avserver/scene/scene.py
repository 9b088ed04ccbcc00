"""Scene: decides a frame. Signals and parameters in, FrameSpec out."""

import operator
from collections.abc import Callable

from avserver.control.params import Params
from avserver.control.patch import FIXED_DIRECTION_PATCHES, Patch
from avserver.frame_spec import ENLARGERS, Feedback, FrameSpec, Grade, Mix, ModelShape, Upscale
from avserver.scene.bends import Bends
from avserver.scene.latents import Latents, layers_of
from avserver.scene.noise import Noise
from avserver.scene.segment import SegmentSwitch
from avserver.scene.steering import directions_of
from avserver.signals import Signals


class Scene:
    """A patch at work. The same signals, parameters and times give the same FrameSpecs.

    Attributes:
        segment: the tempo segment that the show is in; it may differ from the one that is heard.
    """

    def __init__(self, patch: Patch) -> None:
        self._bends = Bends(patch.bends)
        self._switch = SegmentSwitch()
        self._directions = FIXED_DIRECTION_PATCHES + patch.directions
        self._latents = Latents(patch.choirs)
        self._noise = Noise()
        self.segment = 0

    def reset(self) -> None:
        """Begin again, as if no frame had been."""
        self._switch.reset()
        self._latents.reset()
        self._noise.reset()
        self._bends.reset()
        self.segment = 0

    def take(self, patch: Patch) -> None:
        """Play another patch; choirs that are in both go on as they were."""
        self._bends.take(patch.bends)
        self._directions = FIXED_DIRECTION_PATCHES + patch.directions
        self._latents.take(patch.choirs)

    def update(self, t_s: float, signals: Signals, params: Params) -> None:
        """Move on to a frame at `t_s` (s, show time), at least that of the last one.

        Args:
            t_s: show time (s).
            signals: what is heard at it; each frame is given once, since onsets are counted.
            params: those of a table that holds `patch.param_table()`.
        """
        self.segment = self._switch.update(signals, params)
        self._latents.update(self.segment, signals, params, t_s)
        self._noise.update(params, t_s)
        self._bends.update(params, t_s)

    def spec(self, index: int, t_s: float, params: Params, model: ModelShape) -> FrameSpec:
        """Return the frame that was moved on to last, as `model` is to draw it: tick `index`, `t_s` and `params`.

        Nothing changes by asking: while one model fades into another, both are asked for.
        """
        cutoff = int(params["/latent/truncation_cutoff"])
        return FrameSpec(
            index=index,
            t_s=t_s,
            latents=self._latents.terms(params, model.num_ws),
            truncation_psi=float(params["/latent/truncation_psi"]),
            truncation_cutoff=None if cutoff >= model.num_ws else cutoff,
            directions=directions_of(self._directions, params, model.num_ws),
            noise=self._noise.levels(params, model.noise_resolutions),
            bends=self._bends.of(params, model.layers),
            grade=_grade(params),
            feedback=_feedback(params),
            mix=_mix(params, model.num_ws),
            upscale=_upscale(params),
            strobe_safe=bool(params["/output/strobe_safe"]),
        )


def _grade(params: Params) -> Grade:
    return Grade(
        opacity=float(params["/output/opacity"]),
        contrast=float(params["/grade/contrast"]),
        saturation=float(params["/grade/saturation"]),
        hue=float(params["/grade/hue"]),
        lift=_of_colours(params, "lift", operator.add),
        gamma=_of_colours(params, "gamma", operator.mul),
        gain=_of_colours(params, "gain", operator.mul),
        temperature=float(params["/grade/temperature"]),
        tint=float(params["/grade/tint"]),
        lut=int(params["/grade/lut"]),
        lut_amount=float(params["/grade/lut_amount"]),
    )


def _of_colours(params: Params, knob: str, join: Callable[[float, float], float]) -> tuple[float, float, float]:
    """Return what a knob of the grade and those of the three colours come to."""
    red, green, blue = (join(float(params[f"/grade/{knob}"]), float(params[f"/grade/{knob}_{c}"])) for c in "rgb")
    return red, green, blue


def _upscale(params: Params) -> Upscale:
    return Upscale(ENLARGERS[int(params["/upscale/by"])], float(params["/upscale/match"]))


def _mix(params: Params, num_ws: int) -> Mix:
    layers = layers_of(float(params["/mix/first"]), float(params["/mix/stop"]), num_ws)
    amount = float(params["/mix/amount"])
    return Mix(amount, (layers.start, layers.stop)) if amount and layers else Mix()


def _feedback(params: Params) -> Feedback:
    return Feedback(
        amount=float(params["/feedback/amount"]),
        zoom=float(params["/feedback/zoom"]),
        rotate=float(params["/feedback/rotate"]),
    )
