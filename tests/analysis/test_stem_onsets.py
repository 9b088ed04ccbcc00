import numpy as np

from avserver.analysis.ear import BEGINNINGS, SOURCES
from avserver.analysis.gain import Gain
from avserver.analysis.separation import RATE, Frames, Separated
from avserver.analysis.stem_onsets import ENOUGH, StemOnsets

EVERY = 20  # blocks from one hit to the next: 0.23 s


def told(hits, snare_at=()):
    """Return at which of so many drum hits, each a burst from 0.5 to 10 kHz, a snare is told."""
    frames = Frames(RATE)
    onsets = StemOnsets(frames, RATE, Gain())
    burst = 0.05 * ((frames.hz > 500) & (frames.hz < 10_000))
    masks = np.zeros((len(SOURCES), frames.hz.size), np.float32)
    masks[SOURCES.index("drums")] = 1
    found = []
    for block in range(hits * EVERY):
        hit, since = divmod(block, EVERY)
        begun = np.zeros(len(BEGINNINGS), np.float32)
        begun[BEGINNINGS.index("drums")] = 0.9 * (since == 2)
        begun[BEGINNINGS.index("snare")] = 0.9 * (since == 2 and hit in snare_at)
        frame = Separated((burst * np.exp(-since / 4)).astype(np.complex64), masks, begun)
        found += [hit for key, _ in onsets(frame) if key == ("drums", "mid")]
    return found


def test_a_snare_that_the_ear_does_not_know_is_told_by_its_snap_after_a_while():
    assert told(ENOUGH + 20) == list(range(ENOUGH, ENOUGH + 20))


def test_while_the_ear_knows_the_snare_nothing_else_is_one():
    snares = list(range(0, ENOUGH + 20, 8))
    assert told(ENOUGH + 20, snares) == snares
