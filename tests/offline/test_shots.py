"""What is decided about each frame, and that every one is drawn; the drawing is done by a process that draws grey."""

import dataclasses
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from avserver.clock import SongClock, Tick
from avserver.control.events import Event, EventQueue
from avserver.control.mapping import parse_patch
from avserver.errors import ModelError, RenderError
from avserver.frame import Flags, Frame
from avserver.frame_ring import FrameRing
from avserver.frame_spec import Feedback, FrameSpec, ModelShape
from avserver.generator.drawer import IN_FLIGHT, Drawer
from avserver.generator.role import Role
from avserver.generator.worker import WorkerSettings
from avserver.offline.shots import Leaving, Shot, decide, excerpt
from avserver.offline.studio import draw
from tests.test_engine import FPS, MODEL, engine

ROLE, OTHER = (Role(name, Path("none"), ModelShape(1, (), ())) for name in ("grey", "other"))
REFUSED, DEADLY = 100, 200


def draw_grey(pipe: Connection, settings: WorkerSettings) -> None:
    """Speak the worker's side of the pipe."""
    ring = FrameRing.attach(settings.ring)
    pipe.send_bytes(b"R")
    while (message := pipe.recv_bytes())[:1] == b"S":
        spec = FrameSpec.from_bytes(message[1:])
        if spec.index == DEADLY:
            return
        if spec.index == REFUSED:
            pipe.send_bytes(b"Enot this one")
            continue
        ring.write(Frame(pixels=np.full((4, 8, 3), spec.index, np.uint8), index=spec.index, t_s=spec.t_s))
        pipe.send_bytes(b"F")


@pytest.fixture
def drawer():
    with Drawer(ROLE, (8, 4), target=draw_grey) as drawer:
        yield drawer


def shot(index: int, *, drawn: bool = True, gain: float = 1.0, blackout: bool = False) -> Shot:
    tick = Tick(index, index / FPS)
    spec = FrameSpec(index=index, t_s=tick.t_s, latents=()) if drawn else None
    return Shot(tick, ROLE, spec, gain, blackout)


def shades(drawer: Drawer, shots: list[Shot]) -> list[tuple[int, int]]:
    """Return the number and the grey of every frame."""
    frames = draw(shots, lambda role: drawer, width_px=8, height_px=4)
    return [(frame.index, int(frame.pixels[0, 0, 0])) for frame in frames]


def test_every_spec_is_drawn_once_and_in_order(drawer: Drawer) -> None:
    numbers = range(5 * IN_FLIGHT + 1)
    assert shades(drawer, [shot(index) for index in numbers]) == [(index, index) for index in numbers]


def test_frozen_pictures_stay_and_follow_the_fader_and_a_blackout_is_black(drawer: Drawer) -> None:
    shots = [
        shot(0, drawn=False),  # no picture yet
        shot(40),
        shot(41, drawn=False),
        shot(42, drawn=False, gain=0.5),
        shot(43, blackout=True),
        shot(44, drawn=False),
        shot(45),
    ]
    assert shades(drawer, shots) == [(0, 0), (40, 40), (41, 40), (42, 20), (43, 0), (44, 43), (45, 45)]
    (black,) = draw([shot(50, blackout=True)], lambda role: drawer, width_px=8, height_px=4)
    assert black.flags == Flags.BLACKOUT


def test_what_cannot_be_drawn_ends_the_film_and_says_why(drawer: Drawer) -> None:
    with pytest.raises(ModelError, match="grey cannot draw this: not this one"):
        shades(drawer, [shot(1), shot(REFUSED)])
    with pytest.raises(RenderError, match=r"the render worker ended \(exit code 0\)"):
        shades(drawer, [shot(DEADLY)])


def test_more_specs_than_the_ring_holds_are_refused(drawer: Drawer) -> None:
    for index in range(IN_FLIGHT):
        drawer.submit(FrameSpec(index=index, t_s=0.0, latents=()))
    with pytest.raises(ValueError, match="no more fit"):
        drawer.submit(FrameSpec(index=9, t_s=0.0, latents=()))


def test_freeze_opacity_and_blackout_are_obeyed_as_in_a_live_show() -> None:
    queue = EventQueue()
    shots = decide(
        engine(parse_patch("", file="test.toml"), queue),
        lambda number: Role("test", Path("none"), MODEL),
        SongClock(FPS, 1.0),
    )

    def after(address: str, value: object) -> Shot:
        queue.put(Event(address, (value,), "test", lambda *_: None))
        return next(shots)

    assert after("/output/opacity", 0.8).spec is not None
    frozen = after("/output/freeze", True)
    assert (frozen.spec, frozen.gain, frozen.blackout) == (None, 1.0, False)
    assert after("/output/opacity", 0.4).gain == pytest.approx(0.5)
    assert after("/output/blackout", True).blackout
    again = after("/output/freeze", False)
    assert again.spec is not None
    assert again.gain == 1.0


def fed_back(index: int, amount: float, role: Role = ROLE, *, strobe_safe: bool = False) -> Shot:
    spec = FrameSpec(
        index=index, t_s=index / FPS, latents=(), feedback=Feedback(amount=amount), strobe_safe=strobe_safe
    )
    return Shot(Tick(index, index / FPS), role, spec, 1.0, blackout=False)


def numbers(shots: Iterable[Shot]) -> list[int]:
    return [shot.tick.index for shot in shots]


def test_a_model_that_takes_over_fades_in_as_long_as_the_knob_says() -> None:
    queue = EventQueue()
    patch = parse_patch("", file="test.toml")
    roles = [Role(name, Path(name), MODEL) for name in ("one", "other")]
    shots = decide(engine(patch, queue, models=("one", "other")), roles.__getitem__, SongClock(FPS, 10.0))

    def turned(address: str, value: object) -> None:
        queue.put(Event(address, (value,), "test", lambda *_: None))

    def shares(count: int) -> list[float | None]:
        found = [next(shots) for _ in range(count)]
        assert all(shot.leaving is None or shot.leaving.role != shot.role for shot in found)
        return [shot.leaving.share if shot.leaving else None for shot in found]

    turned("/model/fade_s", 3.5 / FPS)
    assert shares(2) == [None] * 2
    turned("/model/select", 1)
    fading = next(shots)
    assert fading.role is roles[1]
    assert fading.leaving == Leaving(roles[0], fading.spec, 0.0)  # both are of the same shape
    assert shares(4) == [pytest.approx(ticks / 3.5) for ticks in (1, 2, 3)] + [None]
    # What is taken back is over at once.
    turned("/model/select", 0)
    assert shares(2) == [0.0, pytest.approx(1 / 3.5)]
    turned("/model/select", 1)
    assert shares(3) == [None] * 3
    # A picture that stands still has nobody leave; the change goes on behind it.
    turned("/model/select", 0)
    turned("/output/freeze", True)
    assert shares(2) == [None] * 2
    turned("/output/freeze", False)
    assert shares(3) == [pytest.approx(2 / 3.5), pytest.approx(3 / 3.5), None]
    turned("/model/fade_s", 0.0)
    turned("/model/select", 1)
    assert shares(1) == [None]


def test_a_picture_that_fades_in_is_drawn_over_the_one_that_leaves(drawer: Drawer) -> None:
    with Drawer(OTHER, (8, 4), target=draw_grey) as others:

        def fading(index: int, other: int, share: float) -> Shot:
            left = Leaving(OTHER, FrameSpec(index=other, t_s=0.0, latents=()), share)
            return dataclasses.replace(shot(index), leaving=left)

        shots = [shot(10), fading(80, 40, 0.0), fading(80, 40, 0.25), shot(0, drawn=False), fading(60, 20, 0.75)]
        frames = draw(shots, {ROLE: drawer, OTHER: others}.__getitem__, width_px=8, height_px=4)
        assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [10, 40, 50, 50, 50]


def test_an_excerpt_that_begins_frozen_begins_with_what_stands_still() -> None:
    shots = [shot(0), shot(1), shot(2, drawn=False, gain=0.5), shot(3, drawn=False)]
    assert list(excerpt(shots, 2)) == shots[1:]
    assert list(excerpt(shots, 1)) == shots[1:]


def test_an_excerpt_has_what_it_looks_back_at_before_it() -> None:
    shots = [fed_back(index, amount) for index, amount in enumerate((0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.5))]
    # From a shot without feedback on nothing is left of those before it.
    assert [numbers(excerpt(shots, first))[0] for first in range(8)] == [0, 0, 2, 2, 2, 5, 6, 6]
    assert numbers(excerpt([fed_back(index, 0.0, strobe_safe=index > 1) for index in range(6)], 5)) == [2, 3, 4, 5]
    # Every role has a memory of its own.
    mixed = [fed_back(0, 0.5), fed_back(1, 0.5), fed_back(2, 0.0, OTHER), fed_back(3, 0.0, OTHER), fed_back(4, 0.5)]
    assert numbers(excerpt(mixed, 4)) == [0, 1, 4]
    # One that is leaving remembers, too.
    left = dataclasses.replace(mixed[2], leaving=Leaving(ROLE, fed_back(2, 0.5).drawn[0][1], 0.5))
    assert numbers(excerpt([*mixed[:2], left, *mixed[3:]], 4)) == [0, 1, 2, 4]


def test_an_excerpt_decides_no_more_than_it_needs() -> None:
    shots = iter([shot(index) for index in range(9)])
    passed: list[Shot] = []
    assert numbers(excerpt(shots, 3, 6, passed.append)) == [3, 4, 5]
    assert numbers(passed) == [0, 1, 2]
    assert next(shots).tick.index == 6
    # All of it may be there already.
    shots = iter([shot(index) for index in range(9)])
    assert numbers(excerpt(shots, 6, 6)) == []
    assert next(shots).tick.index == 6
