"""Other seeds for the choirs."""

import logging
import random

import pytest

from avserver.control.desk import Desk
from avserver.control.events import Event
from avserver.control.mapping import parse_patch
from avserver.control.reseed import AT_RANDOM, Reseeder, seed_from
from avserver.frame_spec import FIRST_PICTURE

PATCH = parse_patch(
    "".join(f'[[choir]]\nname = "{name}"\nfollows = "segment"\nseeds = [1, 2]\n' for name in "ab"), file="x.toml"
)
SEEDS = [f"/choir/{choir}/seed/{place}" for choir in "ab" for place in (1, 2)]


@pytest.fixture
def desk() -> Desk:
    return Desk(PATCH.param_table(), dict)


def send(desk: Desk, reseeder: Reseeder, address: str, *arguments: object) -> list[object]:
    """Do as the engine does with a message; return the seeds."""
    fired = desk.apply([Event(address, arguments, "ann", lambda *_: None)])
    desk.apply(reseeder.events(fired, desk.values, PATCH.choirs))
    return [desk.values[address] for address in SEEDS]


def test_what_was_drawn_is_told_and_can_be_had_again(desk, caplog):
    caplog.set_level(logging.INFO)
    reseeder = Reseeder(random.Random(5))
    assert reseeder.last == AT_RANDOM
    first = send(desk, reseeder, "/reseed/all")
    drawn = reseeder.last
    assert caplog.messages == [f"reseeded a, b from {drawn}"]
    assert len(set(first)) == 4
    second = send(desk, reseeder, "/reseed/all")
    assert reseeder.last != drawn
    assert not set(first) & set(second)
    assert send(desk, reseeder, "/reseed/from", drawn) == second
    assert send(desk, reseeder, "/reseed/all") == first
    # One choir alone has what it would have had with all.
    send(desk, reseeder, "/panic")
    assert send(desk, reseeder, "/reseed/from", drawn) == [1, 2, 1, 2]
    assert send(desk, reseeder, "/choir/b/reseed") == [1, 2, *first[2:]]


def test_the_same_seeds_come_of_a_number_for_ever():
    assert [seed_from(7, "drums", place) for place in (1, 2)] == [1764214, 9258418]


def test_every_seed_is_exact_in_a_float_of_32_bits():
    seeds = [seed_from(number, "drums", 1) for number in range(1000)]
    assert max(seeds) < 2**24
    assert len(set(seeds)) > 990


def test_clients_are_told_the_seeds(desk):
    told = []
    desk.apply([Event("/notify", (1,), "bob", lambda *words: told.append(words))])
    seeds = send(desk, Reseeder(random.Random(0)), "/reseed/all")
    assert told == [(f"/avserver{address}", seed) for address, seed in zip(SEEDS, seeds, strict=True)]


def test_a_projected_picture_keeps_its_place_and_a_panic_wins(desk):
    reseeder = Reseeder(random.Random(0))
    values = {**desk.values, "/choir/a/seed/2": FIRST_PICTURE}
    turned = [event.address for event in reseeder.events(frozenset({"/reseed/all"}), values, PATCH.choirs)]
    assert turned == ["/choir/a/seed/1", "/choir/b/seed/1", "/choir/b/seed/2"]
    assert reseeder.events(frozenset({"/reseed/all", "/panic"}), values, PATCH.choirs) == []
