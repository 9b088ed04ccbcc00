"""Where films are cut."""

from pathlib import Path

import pytest

from avserver.errors import ModelError
from avserver.frame_spec import Feedback, FrameSpec, ModelShape
from avserver.generator.far_drawer import pack, unpack
from avserver.generator.role import Role
from avserver.offline.chunks import CHUNK_BYTES, LONGEST, ends, longest


def lengths(fed_back: str, most: int) -> list[int]:
    """Cut a film, of which a letter F says where the frames are fed back."""
    chunks: list[list[FrameSpec]] = [[]]
    for index, letter in enumerate(fed_back):
        spec = FrameSpec(index=index, t_s=0.0, latents=(), feedback=Feedback(amount=0.5 if letter == "F" else 0.0))
        if chunks[-1] and ends(chunks[-1], spec, most):
            chunks.append([])
        chunks[-1].append(spec)
    return [len(chunk) for chunk in chunks]


@pytest.mark.parametrize(
    ("fed_back", "most", "cut"),
    [
        (".........", 4, [2, 2, 2, 2, 1]),
        (".FFF.....", 4, [4, 2, 2, 1]),  # not within what is fed back
        (".FF......", 4, [3, 2, 2, 2]),
        ("..F.F.F..", 4, [2, 2, 2, 2, 1]),  # alone, nothing comes before
        (".FFFFFFFF", 4, [4, 4, 1]),  # if there is no end of it
        ("..FFF....", 5, [5, 3, 1]),
        ("...", 1, [1, 1, 1]),
    ],
)
def test_a_chunk_ends_where_nothing_carries_over_or_when_it_is_full(fed_back: str, most: int, cut: list[int]) -> None:
    assert lengths(fed_back, most) == cut


def test_large_frames_make_short_chunks() -> None:
    assert longest((64, 64)) == LONGEST
    assert longest((1920, 1080)) == CHUNK_BYTES // (1920 * 1080 * 3)
    assert longest((7680, 4320)) == 1


def test_a_role_goes_with_its_files_to_where_there_are_none(tmp_path: Path) -> None:
    model, partner, first, second = (tmp_path / name for name in ("m.safetensors", "p.npz", "a.npz", "b.npz"))
    for path in (model, partner, first, second):
        path.write_bytes(path.name.encode() * 1000)
    role = Role("m", model, ModelShape(1, (), ()), partner=partner, pictures=(first, second))
    parcel = pack(role)
    for path in (model, partner, first, second):
        path.unlink()
    (tmp_path / "far").mkdir()
    there = unpack(parcel, tmp_path / "far")
    assert there.partner is not None
    for path in (there.model, there.partner, *there.pictures):
        assert path.is_relative_to(tmp_path / "far")
        assert path.read_bytes() == path.name.encode() * 1000
    assert (there.name, there.shape) == (role.name, role.shape)
    with pytest.raises(ModelError, match=r"cannot read .*m\.safetensors: No such file"):
        pack(role)
