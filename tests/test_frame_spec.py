import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.errors import ModelError, WireError
from avserver.frame_spec import (
    DIRECTION_KINDS,
    EDGES,
    ENLARGERS,
    PLACES,
    SPACES,
    Bend,
    BendSlot,
    Direction,
    Feedback,
    FrameSpec,
    Grade,
    LatentTerm,
    NoiseLevel,
    Upscale,
    z_of_seed,
)
from avserver.transforms import FAMILIES, TRANSFORMS

numbers = st.floats(allow_nan=False, allow_infinity=False)
rgb = st.tuples(numbers, numbers, numbers)
specs = st.builds(
    FrameSpec,
    index=st.integers(0, 2**63),
    t_s=numbers,
    latents=st.lists(
        st.builds(
            LatentTerm,
            st.tuples(st.integers(0, 18), st.integers(0, 18)),
            st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple),
            st.lists(numbers, max_size=4).map(tuple),
            st.sampled_from(SPACES),
        ),
        max_size=4,
    ).map(tuple),
    directions=st.lists(
        st.builds(
            Direction,
            st.sampled_from(DIRECTION_KINDS),
            st.integers(1, 512),
            st.tuples(st.integers(0, 18), st.integers(0, 18)),
            numbers,
        ),
        max_size=3,
    ).map(tuple),
    truncation_psi=numbers,
    truncation_cutoff=st.none() | st.integers(0, 18),
    noise=st.lists(st.builds(NoiseLevel, st.sampled_from([4, 8, 256]), numbers, numbers, numbers), max_size=3).map(
        tuple
    ),
    bends=st.lists(
        st.builds(
            Bend,
            st.sampled_from(["b4", "b64"]),
            st.sampled_from(sorted(TRANSFORMS)),
            st.tuples(numbers, numbers),
            st.sampled_from(PLACES),
            st.sampled_from(EDGES),
            st.sampled_from(["all", "cluster 2 of 5"]),
        ),
        max_size=3,
    ).map(tuple),
    grade=st.builds(
        Grade, numbers, numbers, numbers, numbers, rgb, rgb, rgb, numbers, numbers, st.integers(0, 99), numbers
    ),
    upscale=st.builds(Upscale, st.sampled_from(ENLARGERS), numbers),
    feedback=st.builds(Feedback, numbers, numbers, numbers),
    strobe_safe=st.booleans(),
)


@given(specs)
def test_a_spec_survives_the_wire_unchanged(spec: FrameSpec) -> None:
    assert FrameSpec.from_bytes(spec.to_bytes()) == spec


def test_a_spec_from_before_spaces_and_directions_is_read() -> None:
    spec = FrameSpec(index=1, t_s=0.5, latents=(LatentTerm((0, 4), (7,), (1.0,)),))
    plain = json.loads(spec.to_bytes())
    del plain["directions"], plain["latents"][0]["space"]
    assert FrameSpec.from_bytes(json.dumps(plain).encode()) == spec


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"latents": 3}', b'{"latents":[{"layers":[1]}]}'])
def test_what_is_no_spec_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="expected a FrameSpec"):
        FrameSpec.from_bytes(data)


def test_seeds_are_those_of_the_official_tools() -> None:
    z = z_of_seed(85, 512)
    assert z.shape == (1, 512)
    # The first numbers of numpy.random.RandomState(85).randn, written down once.
    assert z[0, :3] == pytest.approx([0.176851, 2.377754, 0.998733], abs=1e-6)


def test_a_spec_as_it_was_written_before_there_were_places_is_still_read() -> None:
    data = (
        b'{"index":1,"t_s":0.5,"latents":[],"truncation_psi":1.0,"truncation_cutoff":null,"noise":[],'
        b'"bends":[{"layer":"b8","transform":"zoom","values":[0.5]}],'
        b'"grade":{"opacity":1.0,"contrast":1.0,"saturation":0.5}}'
    )
    bends = (Bend("b8", "zoom", (0.5,), "after", "reflect", "all"),)
    assert FrameSpec.from_bytes(data) == FrameSpec(
        index=1, t_s=0.5, latents=(), bends=bends, grade=Grade(saturation=0.5)
    )


def test_every_transform_is_of_one_family_and_has_values_in_their_range() -> None:
    assert sorted(name for family in FAMILIES.values() for name in family) == sorted(TRANSFORMS)
    for values in TRANSFORMS.values():
        assert values
        assert all(value.minimum <= value.neutral <= value.maximum for value in values)
        assert all(value.minimum < value.maximum for value in values)
        assert len({value.name for value in values}) == len(values)


@pytest.mark.parametrize(
    ("slot", "words"),
    [
        (("b8", "zom"), "unknown transform 'zom', did you mean 'zoom'"),
        (("b8.conv0", "zoom", "behind"), "unknown place 'behind', allowed: after, before"),
        (("b8", "zoom", "before"), "layer 'b8' has no nonlinearity"),
        (("b8.torgb", "zoom", "before"), "layer 'b8.torgb' has no nonlinearity"),
        (("b8", "zoom", "after", "mirror"), "unknown edges 'mirror', allowed: reflect, wrap, zero"),
        (("b8", "zoom", "after", "zero", "some"), "channels takes 'all', .* got 'some'"),
    ],
)
def test_what_no_bend_can_be_is_refused(slot: tuple[str, ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        BendSlot(*slot)


def test_a_slot_says_in_words_what_is_not_usual() -> None:
    assert str(BendSlot("b8", "zoom")) == "zoom of b8"
    slot = BendSlot("L3_52_64", "blur", "before", "wrap", "0-3")
    assert str(slot) == "blur of L3_52_64 before the nonlinearity with edges wrap on channels 0-3"


def test_a_spec_looks_back_if_both_are_fed_back_or_both_are_limited():
    plain, fed, safe = (
        FrameSpec(index=0, t_s=0.0, latents=(), **more)
        for more in ({}, {"feedback": Feedback(amount=0.1)}, {"strobe_safe": True})
    )
    looking = {
        (i, k)
        for i, spec in enumerate((plain, fed, safe))
        for k, before in enumerate((plain, fed, safe, None))
        if spec.looks_back(before)
    }
    assert looking == {(1, 1), (2, 2)}
