"""The file of a take: what is in it, and what is left of it when something cuts it off."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.errors import TakeError
from avserver.take.chunks import ChunkReader, ChunkWriter, is_take
from avserver.take.delta import delta, patched
from avserver.take.reader import Take
from avserver.take.sound_track import SoundEncoder, decoded, first_sample

NUMBERS = st.floats(allow_nan=False) | st.integers() | st.booleans() | st.none() | st.text(max_size=3)


@st.composite
def pairs(draw: st.DrawFn, depth: int = 3) -> tuple[object, object]:
    """Two pieces of plain data of which the second is what the first may become: no key of a dict vanishes."""
    if depth == 0 or draw(st.booleans()):
        return draw(NUMBERS), draw(NUMBERS)
    if draw(st.booleans()):
        parts = draw(st.dictionaries(st.sampled_from("abc"), pairs(depth - 1)))
        return {key: before for key, (before, _) in parts.items()}, {key: after for key, (_, after) in parts.items()}
    parts = draw(st.lists(pairs(depth - 1), max_size=4))
    after = [after for _, after in parts]
    return [before for before, _ in parts], after[: draw(st.integers(0, len(after)))]


@given(pairs())
def test_a_delta_gives_back_what_it_was_made_of(pair: tuple[object, object]) -> None:
    before, after = ({"a": part} for part in pair)
    # As JSON has it, so that 1, 1.0 and True are three things.
    change = json.loads(json.dumps(delta(before, after)))
    assert json.dumps(patched(before, change)) == json.dumps(after)


def test_what_stays_costs_nothing() -> None:
    plain = {"a": [1.0, {"b": 2}], "c": "d"}
    assert delta(plain, json.loads(json.dumps(plain))) == {}
    assert delta(plain, {"a": [1.0, {"b": 3}], "c": "d"}) == {"a": {"1": {"b": 3}}}


def make(path: Path, count: int) -> list[int]:
    """Write a file of so many lines, each flushed, and return how long it was after each."""
    with path.open("wb", buffering=0) as file:
        writer = ChunkWriter(file, {"show": {}})
        ends = [writer.bytes]
        for number in range(count):
            writer.line({"n": number, "much": [0.1 * number] * 20})
            if number == 2:
                writer.sound(b"la la")
            writer.flush()
            ends.append(writer.bytes)
    return ends


def test_whatever_cuts_a_file_off_all_that_was_flushed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.take"
    ends = make(path, 6)
    whole = path.read_bytes()
    for length in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:length])
        reader = ChunkReader(path)
        flushed = sum(end <= length for end in ends) - 1
        assert [json.loads(line)["n"] for line in reader.lines()] == list(range(flushed))
        sound = [reader.payload(place) for place in reader.places if place.kind == b"A"]
        assert sound in ([], [b"la la"])
        assert (flushed < 3) or sound


def test_damage_ends_a_take_where_it_is_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.take"
    ends = make(path, 6)
    whole = bytearray(path.read_bytes())
    whole[ends[4] + 20] ^= 255
    path.write_bytes(whole)
    assert [json.loads(line)["n"] for line in ChunkReader(path).lines()] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is no take: it begins with b''"),
        (b"\x00\xff" * 50, "is no take"),
        (b'{"avserver take": 1, "show"', "ends within its first line"),
        (b'{"avserver take": 2}\n', "is a take of version 2, this avserver reads version 1"),
        (b'{"avserver take": 1}\n', "that this avserver cannot read: KeyError: 'show'"),
        (b'{"avserver take": 1, "show": 7}\n', "cannot read: TypeError"),
        (
            b'{"avserver take": 1, "show": {"fps": 9, "width_px": 8, "height_px": 8, "sample_rate": 9}}\n',
            "is a take without a frame in it",
        ),
    ],
)
def test_what_is_no_take_is_said_in_a_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "a.take").write_bytes(content)
    with pytest.raises(TakeError, match=sentence):
        Take(tmp_path / "a.take")


def test_records_that_are_none_are_refused(tmp_path: Path) -> None:
    lines = b'{"t":0,"s":{"latents":[[7]]},"f":false,"o":1.0,"b":false}\n'
    header = b'{"avserver take": 1, "show": {"fps": 9, "width_px": 8, "height_px": 8, "sample_rate": 9}}\n'
    packed = zlib.compress(lines)
    (tmp_path / "a.take").write_bytes(header + struct.pack("<cII", b"L", len(packed), zlib.crc32(packed)) + packed)
    with pytest.raises(TakeError, match="cannot read: ValueError: a tick comes before who draws it"):
        list(Take(tmp_path / "a.take").moments())
    with pytest.raises(TakeError, match="No such file"):
        Take(tmp_path / "none.take")


def test_a_take_is_known_by_its_name_or_its_beginning(tmp_path: Path) -> None:
    make(tmp_path / "renamed", 1)
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    assert is_take(tmp_path / "renamed")
    assert is_take(tmp_path / "missing.take")
    assert not is_take(tmp_path / "song.wav")
    assert not is_take(tmp_path / "missing.wav")


def test_sound_is_kept_to_half_a_step_of_16_bits_chunk_by_chunk() -> None:
    samples = np.sin(np.arange(30_000) * 0.05).astype(np.float32) * 0.7
    encoder = SoundEncoder(44_100)
    about = encoder.describe()
    chunks = []
    for first in range(0, samples.size, 1470):
        encoder.add(samples[first : first + 1470])
        chunks.append(encoder.chunk())
    chunks = [chunk for chunk in [*chunks, encoder.chunk(end=True)] if chunk]
    assert len(chunks) > 3
    assert encoder.chunk(end=False) == b""
    for chunk in chunks:
        got, first = decoded(about, chunk), first_sample(chunk)
        assert np.abs(got - samples[first : first + got.size]).max() <= 0.51 / 32767
    assert first + got.size == samples.size
    with pytest.raises(ValueError, match="cannot be decoded"):
        decoded(about, chunks[0][:10])
