"""Recasting: what was decided for one model, as another one is to draw it."""

import dataclasses

from avserver.frame_spec import FrameSpec, Mix, NoiseLevel
from avserver.generator.role import Role
from avserver.scene.bends import bends_for
from avserver.scene.latents import without_pictures

Layers = tuple[int, int]


def recast_role(role: Role, other: Role) -> Role:
    """Return what the model of `other` is prepared for, to draw what `role` drew.

    Bends of layers that it does not have are left out, and pictures, which are ws of one model alone.
    """
    return dataclasses.replace(
        role,
        name=other.name,
        model=other.model,
        shape=other.shape,
        bends=tuple(slot for slot in role.bends if slot.layer in other.shape.layers),
        partner=other.partner,
        pictures=(),
    )


def recast(spec: FrameSpec, role: Role, other: Role) -> FrameSpec:
    """Return a spec for the role `other` that looks as this one does when `role` draws it, as far as that can be.

    Layers of ws keep their share of all. Noise is that of the same resolution, or of the nearest that there was.
    Directions keep their numbers, though with another model they lead elsewhere.
    """
    before, after = role.shape.num_ws, other.shape.num_ws
    cutoff = spec.truncation_cutoff
    return dataclasses.replace(
        spec,
        latents=without_pictures(
            [
                dataclasses.replace(term, layers=layers)
                for term in spec.latents
                if (layers := _carried(term.layers, before, after))
            ]
        ),
        truncation_cutoff=None if cutoff is None else _edge(cutoff, before, after),
        directions=tuple(
            dataclasses.replace(step, layers=layers)
            for step in spec.directions
            if (layers := _carried(step.layers, before, after))
        ),
        noise=_noise(spec.noise, other.shape.noise_resolutions),
        bends=tuple(bend for bend in spec.bends if bend.layer in other.shape.layers),
        mix=_mix(spec.mix, before, after) if other.partner else Mix(),
    )


def fitted(spec: FrameSpec, drawn_by: Role, role: Role) -> FrameSpec:
    """Return a spec that the role `drawn_by` drew as `role` can draw it."""
    if role.shape != drawn_by.shape or role.pictures != drawn_by.pictures:
        spec = recast(spec, drawn_by, role)
    return dataclasses.replace(
        spec,
        bends=bends_for(role.bends, spec.bends),
        directions=tuple(direction for direction in spec.directions if direction.kind in role.directions),
        mix=spec.mix if role.partner else Mix(),
    )


def _edge(edge: int, before: int, after: int) -> int:
    return (2 * edge * after + before) // (2 * before)  # rounded, halves up, as the scene rounds shares


def _carried(layers: Layers, before: int, after: int) -> Layers | None:
    """Return the layers that have the same share of all; None if that is none of them."""
    first, stop = (_edge(edge, before, after) for edge in layers)
    return (first, stop) if first < stop else None


def _mix(mix: Mix, before: int, after: int) -> Mix:
    layers = _carried(mix.layers, before, after)
    return Mix(mix.amount, layers) if mix.amount and layers else Mix()


def _noise(levels: tuple[NoiseLevel, ...], resolutions: tuple[int, ...]) -> tuple[NoiseLevel, ...]:
    """Return the noise of other resolutions: each is a power of two of the others, so near is a matter of shares."""
    if not levels:
        return ()
    return tuple(
        dataclasses.replace(
            min(levels, key=lambda level: max(level.resolution / px, px / level.resolution)), resolution=px
        )
        for px in resolutions
    )
