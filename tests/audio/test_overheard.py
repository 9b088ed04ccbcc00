"""Sound that is read by one and overheard by others."""

import numpy as np
import pytest

from avserver.analysis.analyser import Analyser
from avserver.audio.overheard import _WAITING_BLOCKS, KEPT_S, Ear, Overheard
from avserver.audio.source import ArraySource, Samples, SilentSource
from avserver.control.told import Told
from avserver.engine_room import make_ears

RATE_HZ = 8_000
SONG = np.linspace(-1, 1, RATE_HZ, dtype=np.float32)


def joined(ear: Ear) -> tuple[int, Samples]:
    """Return where what an ear heard begins, and all of it; there are no holes in it."""
    blocks = ear.take()
    ends = [first + block.size for first, block in blocks]
    assert [first for first, _ in blocks[1:]] == ends[:-1]
    return blocks[0][0], np.concatenate([block for _, block in blocks])


def test_readers_and_listeners_hear_the_same() -> None:
    heard = Overheard(ArraySource(SONG, sample_rate=RATE_HZ, loop=True))
    early = heard.listen()
    read = [heard.read(tick / 30) for tick in range(1, 46)]
    late = heard.listen()
    read += [heard.read(tick / 30) for tick in range(46, 61)]
    for ear in (early, late):
        first, samples = joined(ear)
        assert first == 0
        assert np.array_equal(samples, np.concatenate(read))
    assert np.array_equal(np.concatenate(read), np.concatenate([SONG, SONG]))
    assert heard.now_s == 2.0


def test_so_much_is_kept_and_no_more() -> None:
    heard = Overheard(SilentSource(sample_rate=RATE_HZ))
    for tick in range(1, 301):
        heard.read(tick / 30)
    first, samples = joined(heard.listen())
    assert samples.size / RATE_HZ == pytest.approx(KEPT_S, abs=1 / 30)
    assert first + samples.size == 10 * RATE_HZ


def test_who_does_not_listen_loses_the_oldest_and_who_left_hears_nothing() -> None:
    heard = Overheard(SilentSource(sample_rate=RATE_HZ))
    asleep, gone = heard.listen(), heard.listen()
    heard.leave(gone)
    for tick in range(1, 2 * _WAITING_BLOCKS):
        heard.read(tick / 30)
    blocks = asleep.take()
    assert len(blocks) == _WAITING_BLOCKS
    assert blocks[-1][0] + blocks[-1][1].size == heard.samples_read
    assert gone.take() == []


def test_it_ends_when_the_song_does_and_silence_is_heard_then() -> None:
    heard = Overheard(ArraySource(SONG, sample_rate=RATE_HZ))
    ear = heard.listen()
    heard.read(0.5)
    assert not heard.ended
    assert heard.read(1.5).size == RATE_HZ
    assert heard.ended
    assert not joined(ear)[1][RATE_HZ:].any()


def test_a_show_that_is_told_what_is_heard_has_sound_as_well() -> None:
    source = Overheard(SilentSource(sample_rate=RATE_HZ))
    make_ears(source, Told(Analyser(SilentSource()).until(0.0)), None).until(2.0)
    assert source.now_s == 2.0
