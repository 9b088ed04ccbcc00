import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.errors import WireError
from avserver.frame_spec import (
    DIRECTION_KINDS,
    SPACES,
    TRANSFORMS,
    Bend,
    Direction,
    FrameSpec,
    Grade,
    LatentTerm,
    NoiseLevel,
    z_of_seed,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
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
            Bend, st.sampled_from(["b4", "b64"]), st.sampled_from(sorted(TRANSFORMS)), st.tuples(numbers, numbers)
        ),
        max_size=3,
    ).map(tuple),
    grade=st.builds(Grade, numbers, numbers, numbers),
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
