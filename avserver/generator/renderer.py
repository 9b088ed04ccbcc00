"""FrameSpec to pixels, as fast as the machine allows."""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avserver.canvas import canvas_for
from avserver.errors import ModelError, WireError, nearest
from avserver.frame_spec import ENLARGERS, BendSlot, Feedback, FrameSpec, Grade, LatentTerm, NoiseLevel, Upscale
from avserver.generator import backend, checkpoint
from avserver.generator.backend import ops, stage
from avserver.generator.bending import BendPlan, Probe
from avserver.generator.bending.selection import shrink
from avserver.generator.directions import Directions, sample_z
from avserver.generator.feedback import feedback_values, mix_in
from avserver.generator.grading import develop, grade_values, graded, opacity_of
from avserver.generator.looks import VALUES, Looks
from avserver.generator.mapping_network import MappingNetwork
from avserver.generator.memory import Memory
from avserver.generator.mixing import MixedSynthesis, layer_shares
from avserver.generator.noise_fields import FIELDS, coefficients, make_fields
from avserver.generator.role import Role
from avserver.generator.seeds import SeedMixer
from avserver.generator.strobe import StrobeLimiter
from avserver.generator.synthesis import make_synthesis
from avserver.generator.upscaling import Upscaler, factor_for
from avserver.lut_file import read_lut
from avserver.shape import Shape
from avserver.shaping import shaped
from avserver.ws_file import read_ws

Tensor = Any

CLUSTER_PICTURES = 24  # on whose features channels are grouped, those of the first seeds


class Renderer:
    """Draws FrameSpecs with one model. The first picture compiles it (seconds); see `warm_up`.

    It remembers the last picture, which a spec with feedback or the strobe limiter looks back at; see `reset`.

    Args:
        path: of the model.
        bends: what a spec's bends may be, in the order in which those of a layer are applied. What is not among them
            costs nothing. Slots with clusters of channels draw some pictures first (a second or more).
        directions: kinds that a spec's directions may name, see `frame_spec.DIRECTION_KINDS`.
        size: (width, height) of the pictures in px; what the network draws is scaled to fill it and cropped around its
            centre. None: as the model draws them.
        wide: how the network itself is to draw pictures that are not square, one of `canvas.WIDE`: it then draws as
            near to the shape of `size` as whole samples of its coarsest layer come.
        partner: another model of the same configuration, of which a spec's `mix` says how much there is.
        pictures: files of ws, as `avserver project` writes them, for the numbers of a spec that stand for pictures.
        luts: files of look-up tables, of which a spec's grade names one by its number. Without any they cost nothing.
        precision: of the convolutions, "float32" or "bfloat16"; None takes what this machine is fast with.
        threads: of the CPU; what is chosen first in a process holds.

    Attributes:
        config: the model's configuration (`resolution`, `num_ws`, `z_dim`, …).
        bends, size, precision: as in effect.
        canvas: how far the network draws beyond its square.

    Raises:
        ModelError: if the file is no model, doesn't have a layer or channels of `bends`, or for an unknown kind of
            directions.
        ConfigError: for an unknown precision, a look-up table that is none, or a picture that is none or of another
            model.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        bends: Sequence[BendSlot] = (),
        directions: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        wide: str = "off",
        partner: str | Path | None = None,
        pictures: Sequence[Path] = (),
        luts: Sequence[Path] = (),
        precision: str | None = None,
        threads: int = 1,
    ) -> None:
        backend.start(threads)
        model = checkpoint.read(path)
        self.config = model.config
        self.bends = tuple(bends)
        self.size = size or (self.config.resolution, self.config.resolution)
        self.canvas = canvas_for(self.size, self.config.grid, wide)
        self._shape = Shape(*self.size)
        self.precision = backend.check_precision(precision)
        mapping = MappingNetwork(model.config, model.tensors)
        map_z = _program_of(mapping)
        found = [read_ws(picture, self.config.num_ws, self.config.w_dim)[0] for picture in pictures]
        self._mixer = SeedMixer(map_z, mapping, found)
        self._directions = Directions(directions, model.tensors, lambda: map_z(sample_z(self.config.z_dim)))
        self._mixed: MixedSynthesis | None = None
        if partner is None:
            self._synthesis = make_synthesis(model.config, model.tensors, precision=self.precision, canvas=self.canvas)
        else:
            other = checkpoint.read(partner)
            self._mixed = MixedSynthesis(model, other, precision=self.precision, canvas=self.canvas)
            self._synthesis = self._mixed.one
            mapping = MappingNetwork(other.config, other.tensors)
            self._partners_mixer = SeedMixer(_program_of(mapping), mapping, found)
        self._fields = {
            conv.name: make_fields(conv.name, *self.canvas.samples(conv.resolution)) for conv in self._synthesis.noisy
        }
        layers = [dataclasses.replace(layer, canvas=self.canvas) for layer in self.config.layers]
        self._plan = BendPlan(self.bends, layers, functools.cache(self._activations))
        self._looks = Looks([read_lut(lut) for lut in luts]) if luts else None
        self._draw = backend.program(self._picture)
        factor = factor_for(self.canvas.samples(self.config.resolution), self.size)
        self._upscaler = Upscaler(factor, precision=self.precision) if factor else None
        self._mix_in = backend.program(stage(mix_in))
        self._limiter = StrobeLimiter()
        self.reset()

    @property
    def resolution(self) -> int:
        """Of the square that the model was trained on (px)."""
        return self.config.resolution

    def reset(self) -> None:
        """Forget the last picture."""
        self._previous: Tensor = None
        self._limiter.reset()

    @property
    def memory(self) -> Memory:
        """The pictures before, as far as the next one may look back at them. Setting it goes on from there."""
        previous = None if self._previous is None else backend.to_numpy(self._previous)
        return Memory(previous, copy.deepcopy(self._limiter))

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self._previous, self._limiter = memory.previous, copy.deepcopy(memory.limiter)

    def warm_up(self) -> None:
        """Draw a first picture, so that the next ones are fast."""
        spec = _portrait(0, self.config.num_ws)
        self.render(spec)
        self.render(dataclasses.replace(spec, feedback=Feedback(amount=0.5)))
        if self._upscaler is not None:
            for enlarger in ENLARGERS:
                self.render(dataclasses.replace(spec, upscale=Upscale(enlarger, match=0.5)))
        self.reset()

    def render(self, spec: FrameSpec) -> npt.NDArray[np.uint8]:
        """Return the picture of `spec`: uint8 (height, width, 3), RGB, C-contiguous.

        Raises:
            ModelError: for a layer, resolution, transform or direction that this renderer doesn't have.
            WireError: for values that make no sense (a seed that is none, a number that is not finite).
        """
        grade, shares = self._grade(spec), self._shares(spec)
        ws = self._directions.move(self._mix_seeds(spec, shares), spec.directions)
        noise, bends = self._noise_coefficients(spec.noise, shares), self._plan.values(spec.bends)
        drawn = self._draw(ws, noise, bends, grade, shares)
        drawn = self._enlarge(spec.upscale, self._feed_back(spec, drawn))
        return self._limit(spec, shaped(backend.to_numpy(drawn)[0], self._shape))

    def _grade(self, spec: FrameSpec) -> npt.NDArray[np.float32]:
        """Return the grade of the frame as it is drawn: with feedback, it is faded only after it has been mixed."""
        _check_numbers(spec)
        grade = dataclasses.replace(spec.grade, opacity=1.0) if spec.feedback.amount > 0 else spec.grade
        values = grade_values(grade)
        return (
            values if self._looks is None else np.concatenate([values, self._looks.values(grade.lut, grade.lut_amount)])
        )

    def _shares(self, spec: FrameSpec) -> npt.NDArray[np.float32]:
        """Return the partner's share of each layer."""
        if spec.mix.amount and self._mixed is None:
            raise ModelError("a spec mixes in a partner, and the renderer was given none")
        if not math.isfinite(spec.mix.amount):
            raise WireError(f"a mix has a finite amount, got {spec.mix.amount}")
        return layer_shares(spec.mix, self.config.num_ws)

    def _mix_seeds(self, spec: FrameSpec, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        ws = self._mixer.mix(spec)
        if shares.any():
            ws = ws + shares[None, :, None] * (self._partners_mixer.mix(spec) - ws)
        return ws

    def _picture(self, ws: Tensor, noise: Tensor, bends: Tensor, grade: Tensor, shares: Tensor) -> Tensor:
        """The compiled part: ws, (layers, 4) noise coefficients, bends, grade and shares to (1, H, W, 3) uint8."""
        fields = {
            conv.name: (ops.convert_to_tensor(self._fields[conv.name]), noise[i])
            for i, conv in enumerate(self._synthesis.noisy)
        }
        bending = self._plan.begin(bends)
        draw = self._synthesis.draw
        if self._mixed is not None:
            draw = functools.partial(self._mixed.draw, shares=shares)
        if self._looks is None:
            return draw(ws, fields, bending, lambda image: develop(image, grade))
        look, grade = grade[-VALUES:], grade[:-VALUES]
        levels = draw(ws, fields, bending, lambda image: graded(image, grade))
        return self._looks.apply(levels, look, opacity_of(grade))

    def _activations(self, layer: str, place: str) -> npt.NDArray[np.float32]:
        """Return what some pictures look like at a layer, small: (CLUSTER_PICTURES, h, w, channels)."""
        seen = []
        with backend.eagerly():
            for seed in range(CLUSTER_PICTURES):
                probe = Probe(layer, place)
                self._synthesis.draw(self._mixer.mix(_portrait(seed, self.config.num_ws)), {}, probe)
                seen.append(shrink(backend.to_numpy(probe.seen)))
        return np.concatenate(seen)

    def _noise_coefficients(
        self, levels: Sequence[NoiseLevel], shares: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        by_resolution = {}
        for level in levels:
            if level.resolution not in self.config.noise_resolutions:
                allowed = ", ".join(map(str, self.config.noise_resolutions)) or "none"
                raise ModelError(f"the model has no layers at {level.resolution!r} px, it has: {allowed}")
            if not all(math.isfinite(value) for value in (level.phase, level.strength, level.grain)):
                raise WireError(f"noise takes finite numbers, got {level}")
            by_resolution[level.resolution] = coefficients(level)
        silent = np.zeros(FIELDS, np.float32)
        layers = self._synthesis.noisy
        strengths = [layer.noise_strength for layer in layers]
        if self._mixed is not None:
            strengths = self._mixed.noise_strengths(shares).tolist()
        rows = [by_resolution.get(layer.resolution, silent) for layer in layers]
        return np.reshape(rows, (len(rows), FIELDS)) * np.array(strengths, np.float32)[:, None]

    def _feed_back(self, spec: FrameSpec, drawn: Tensor) -> Tensor:
        """Mix the frame before into this one; into the first one, nothing."""
        if spec.feedback.amount <= 0:
            self._previous = None
            return drawn
        values = feedback_values(spec.feedback, self.resolution, spec.grade.opacity)
        if self._previous is None:
            values[0] = 0
            self._previous = np.zeros(drawn.shape, np.float32)
        self._previous, shown = self._mix_in(drawn, self._previous, values)
        return shown

    def _enlarge(self, upscale: Upscale, drawn: Tensor) -> Tensor:
        """Return the picture larger, if it is to be: what is left to the size of the frame is `shaped`'s."""
        if upscale.by not in ENLARGERS:
            raise WireError(f"nothing called {upscale.by!r} enlarges pictures; {nearest(upscale.by, ENLARGERS)}")
        return drawn if self._upscaler is None else self._upscaler(upscale, drawn)

    def _limit(self, spec: FrameSpec, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if not spec.strobe_safe:
            self._limiter.reset()
            return pixels
        return self._limiter(pixels, spec.t_s)


def renderer_for(
    role: Role, size: tuple[int, int] | None, *, wide: str, threads: int, precision: str | None = None
) -> Renderer:
    """Return what plays a role. Raises as `Renderer` does."""
    return Renderer(
        role.model,
        bends=role.bends,
        directions=role.directions,
        size=size,
        wide=wide,
        partner=role.partner,
        pictures=role.pictures,
        luts=role.luts,
        precision=precision,
        threads=threads,
    )


def _portrait(seed: int, num_ws: int) -> FrameSpec:
    """Return the spec of a seed's picture."""
    return FrameSpec(index=0, t_s=0.0, latents=(LatentTerm((0, num_ws), (seed,), (1.0,)),))


def _check_numbers(spec: FrameSpec) -> None:
    """Raise WireError for numbers of the finished picture that make no sense."""
    numbers = (*_numbers(spec.grade), *dataclasses.astuple(spec.feedback), spec.truncation_psi)
    if not all(map(math.isfinite, numbers)):
        got = f"{spec.grade}, {spec.feedback} and {spec.truncation_psi}"
        raise WireError(f"a grade, a feedback and a truncation are finite, got {got}")
    if not math.isfinite(spec.upscale.match):
        raise WireError(f"an upscaling matches by a finite share, got {spec.upscale.match}")
    if min(spec.grade.gamma) <= 0:
        raise WireError(f"a gamma is above 0, got {spec.grade.gamma}")


def _numbers(grade: Grade) -> list[float]:
    parts = dataclasses.astuple(grade)
    return [number for part in parts for number in (part if isinstance(part, tuple) else (part,))]


def _program_of(mapping: MappingNetwork) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """Return the mapping network from z (n, z_dim) to w (n, w_dim), numpy both."""
    program = backend.program(lambda z: mapping(z, _any_class(mapping, z.shape[0])))
    return lambda z: backend.to_numpy(program(z))


def _any_class(mapping: MappingNetwork, count: int) -> npt.NDArray[np.float32] | None:
    """Return `count` labels of class 0 for a conditional model: a FrameSpec names no class."""
    if not mapping.config.c_dim:
        return None
    return np.repeat(np.eye(1, mapping.config.c_dim, dtype=np.float32), count, axis=0)
