import numpy as np
import pytest
from sounds import matches

from avserver.analysis.analyser import Analyser
from avserver.analysis.delayed import Delayed
from avserver.audio.clicks import clicks
from avserver.audio.held import HeldBack
from avserver.audio.source import ArraySource

FPS = 30
TIMES_S = np.arange(0.5, 9.5, 0.25)


def ears(samples=None):
    held = HeldBack(ArraySource(clicks(TIMES_S, 12.0) if samples is None else samples))
    return Delayed(Analyser(held), held.fetch)


def listen(delayed, delay_s, frames=range(10 * FPS)):
    return [delayed.until(frame / FPS, delay_s(frame / FPS)) for frame in frames]


def full_onsets(signals):
    return [onset for frame in signals for onset in frame.onsets if (onset.stem, onset.band) == ("mix", "full")]


def test_without_a_delay_it_is_the_analyser():
    plain = Analyser(ArraySource(clicks(TIMES_S, 12.0)))
    for signals in listen(ears(), lambda _: 0.0):
        expected = plain.until(signals.t_s)
        assert signals.onsets == expected.onsets
        assert (signals.rms_db, signals.heard_s, signals.beat_phase) == (
            expected.rms_db, expected.heard_s, expected.beat_phase
        )  # fmt: skip


@pytest.mark.parametrize("delay_s", [0.01, 0.25, 1.0])
def test_all_is_heard_so_much_later(delay_s):
    at_once, later = listen(ears(), lambda _: 0.0), listen(ears(), lambda _: delay_s)
    shifted = [onset.t_s + delay_s for onset in full_onsets(at_once)]
    heard = [onset.t_s for onset in full_onsets(later)]
    assert heard == pytest.approx([t_s for t_s in shifted if t_s < 9.9][: len(heard)], abs=1e-9)
    assert len(heard) >= len(shifted) - 4 * delay_s - 1
    for signals in later:
        assert all(onset.t_s <= signals.t_s for onset in signals.onsets)
        assert signals.heard_s <= max(0.0, signals.t_s - delay_s) + 1e-9
    if (delay_s * FPS).is_integer():
        frames = round(delay_s * FPS)
        assert [signals.rms_db for signals in later[frames:]] == [signals.rms_db for signals in at_once[:-frames]]


def test_a_delay_that_changes_leaves_nothing_out_and_hears_nothing_twice():
    def moving(t_s):
        return 0.0 if t_s < 2 else 0.8 if t_s < 5 else 0.3

    heard = full_onsets(listen(ears(), moving))
    assert len(heard) == len([t_s for t_s in TIMES_S if t_s < 9.6])
    calm = [onset.t_s for onset in heard if onset.t_s > 5.5]
    assert len(matches(calm, list(TIMES_S + 0.3), 0.02)) == len(calm)


def test_reset_is_a_fresh_one():
    delayed = ears()
    first = listen(delayed, lambda _: 0.1)
    delayed.reset()
    assert [signals.onsets for signals in listen(delayed, lambda _: 0.1)] == [signals.onsets for signals in first]


def test_a_seek_goes_to_the_source():
    held = HeldBack(ArraySource(np.zeros(10)))
    with pytest.raises(Exception, match="only songs"):
        held.seek(1.0)


def test_notes_are_heard_later_too():
    tune = np.concatenate([0.5 * np.sin(2 * np.pi * hz * np.arange(22_050) / 44_100) for hz in (220, 330, 440, 550)])
    at_once, later = (listen(ears(tune), lambda _, late_s=late_s: late_s, range(90)) for late_s in (0.0, 0.25))
    notes, moved = ([note for frame in signals for note in frame.notes] for signals in (at_once, later))
    assert len(notes) > 6
    assert [note.midi for note in moved] == [note.midi for note in notes]
    assert [note.t_s for note in moved] == pytest.approx([note.t_s + 0.25 for note in notes])
