"""Scene: decides a frame. Signals and parameters in, FrameSpec out."""

from avserver.control.params import Params
from avserver.control.patch import Patch
from avserver.frame_spec import FrameSpec, Grade, ModelShape
from avserver.scene.bends import Bends
from avserver.scene.latents import Latents
from avserver.scene.noise import Noise
from avserver.scene.segment import SegmentSwitch
from avserver.signals import Signals


class Scene:
    """A patch at work on a model. The same signals, parameters and times give the same FrameSpecs.

    Attributes:
        segment: the tempo segment that the show is in; it may differ from the one that is heard.
    """

    def __init__(self, patch: Patch, model: ModelShape) -> None:
        self._num_ws = model.num_ws
        self._switch = SegmentSwitch()
        self._latents = Latents(patch.choirs, model.num_ws)
        self._noise = Noise(model.noise_resolutions)
        self._bends = Bends(patch.bends, model.layers)
        self.segment = 0

    def reset(self) -> None:
        """Begin again, as if no frame had been."""
        self._switch.reset()
        self._latents.reset()
        self._noise.reset()
        self.segment = 0

    def at(self, index: int, t_s: float, signals: Signals, params: Params) -> FrameSpec:
        """Return the frame of tick `index` at `t_s` (s, show time), at least that of the last frame.

        Args:
            index: the tick.
            t_s: show time (s).
            signals: what is heard at it; each frame is given once, since onsets are counted.
            params: those of a table that holds `patch.param_table()`.
        """
        self.segment = self._switch.update(signals.segment, params)
        cutoff = int(params["/latent/truncation_cutoff"])
        return FrameSpec(
            index=index,
            t_s=t_s,
            latents=self._latents.at(self.segment, signals, params, t_s),
            truncation_psi=float(params["/latent/truncation_psi"]),
            truncation_cutoff=None if cutoff >= self._num_ws else cutoff,
            noise=self._noise.at(params, t_s),
            bends=self._bends.at(params),
            grade=_grade(params),
        )


def _grade(params: Params) -> Grade:
    return Grade(
        opacity=float(params["/output/opacity"]),
        contrast=float(params["/grade/contrast"]),
        saturation=float(params["/grade/saturation"]),
    )
