import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE, f_measure, matches, noise, onsets_of, seconds, sine

from avserver.analysis.analyser import Analyser, Listening
from avserver.audio.catalogue import open_source
from avserver.audio.demo_score import truth
from avserver.audio.source import ArraySource, AudioSource
from avserver.errors import ConfigError
from avserver.signals import BANDS, LEVEL_NAMES, STEMS

FRAGMENT_S = 6.0


@pytest.fixture(scope="module")
def fragment():
    """Six seconds of the demo track's drop."""
    with open_source("demo", start_s=20.0) as source:
        return source.read(FRAGMENT_S)


def state(signals):
    """Everything in Signals that does not depend on when was asked before."""
    levels = {name: signals.level(name) for name in LEVEL_NAMES if name != "beat"}
    return levels | {"heard_s": signals.heard_s}


def hear(analyser, times_s):
    """Return the last state, all onsets and notes, and the number of beats of asking at those times."""
    signals = [analyser.until(t_s) for t_s in times_s]
    onsets = sorted((event for frame in signals for event in (*frame.onsets, *frame.notes)), key=repr)
    return state(signals[-1]), onsets, sum(frame.beat for frame in signals)


def test_steps_of_30_and_60_frames_hear_the_same(fragment):
    thirty = hear(Analyser(ArraySource(fragment)), [frame / 30 for frame in range(1, 181)])
    sixty = hear(Analyser(ArraySource(fragment)), [frame / 60 for frame in range(1, 361)])
    once = hear(Analyser(ArraySource(fragment)), [6.0])
    assert thirty == sixty
    assert thirty[:2] == once[:2]
    assert len(thirty[1]) > 50


def test_states_are_equal_wherever_steps_meet(fragment):
    thirty, odd = Analyser(ArraySource(fragment)), Analyser(ArraySource(fragment))
    for second in range(1, 4):
        for frame in range(30):
            fine = thirty.until(second - 1 + (frame + 1) / 30)
        coarse = odd.until(float(second))
        assert state(fine) == state(coarse)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.0001, 0.7), min_size=1, max_size=12))
def test_any_steps_hear_the_same(fragment, steps_s):
    times_s = [*(t_s for t_s in np.cumsum(steps_s).tolist() if t_s < 2.0), 2.0]
    assert hear(Analyser(ArraySource(fragment)), times_s)[:2] == hear(Analyser(ArraySource(fragment)), [2.0])[:2]


def test_a_file_and_its_samples_in_memory_are_heard_alike(fragment):
    with open_source("demo", start_s=20.0) as source:
        from_file = hear(Analyser(source), [frame / 24 for frame in range(1, 121)])
    assert from_file == hear(Analyser(ArraySource(fragment)), [frame / 24 for frame in range(1, 121)])


def test_reset_equals_fresh(fragment):
    analyser = Analyser(ArraySource(fragment))
    first = hear(analyser, [frame / 30 for frame in range(1, 181)])
    analyser.reset()
    assert hear(analyser, [frame / 30 for frame in range(1, 181)]) == first


def test_a_live_source_that_is_behind_is_waited_for(fragment):
    class Slow(AudioSource):
        def __init__(self):
            super().__init__(RATE)
            self.arrived = self.at = 0

        def _read(self, count):
            block = fragment[self.at : min(self.at + count, self.arrived)]
            self.at += block.size
            return block

        def _restart(self):
            self.at = 0

        def _close(self):
            pass

    source = Slow()
    analyser = Analyser(source)
    assert analyser.until(3.0).heard_s == 0.0  # nothing has come, and nobody waits
    onsets = []
    for arrived in range(0, 2 * RATE, 997):
        source.arrived = arrived
        onsets += analyser.until(3.0).onsets
    source.arrived = 3 * RATE
    last = analyser.until(3.0)
    once = Analyser(ArraySource(fragment)).until(3.0)
    assert sorted([*onsets, *last.onsets], key=repr) == sorted(once.onsets, key=repr)
    assert state(last) == state(once)


@pytest.mark.parametrize("t_s", [0.0, 0.001, 1 / 60, 0.5, 1.0])
def test_it_knows_of_every_whole_hop_and_no_more(fragment, t_s):
    signals = Analyser(ArraySource(fragment)).until(t_s)
    assert signals.t_s == t_s
    assert t_s - 256 / RATE < signals.heard_s <= t_s
    assert set(signals.rms_db) == set(STEMS)
    assert set(signals.onset_strength) == {(stem, band) for stem in STEMS for band in BANDS}


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0), np.zeros(1), np.ones(1), 0 * seconds(2), 0 * seconds(2) + 1, noise(2, 1.0),
        np.sign(sine(110, 2)), np.clip(9 * noise(2), -1, 1), np.full(2 * RATE, np.nan), 1e9 * sine(440, 2),
        np.resize([1.0, -1.0], 2 * RATE), 1e-30 * noise(2),
    ],
)  # fmt: skip
def test_any_sound_gives_finite_signals_in_their_ranges(sound):
    analyser = Analyser(ArraySource(sound))
    for frame in range(1, 91):
        signals = analyser.until(frame / 30)
        assert all(np.isfinite(signals.level(name)) for name in LEVEL_NAMES)
        assert all(-120 <= level <= 3.1 for level in signals.rms_db.values())
        assert all(0 <= level <= 1 for level in signals.onset_strength.values())
        assert -120 <= signals.loudness_lufs <= 10
        assert -120 <= signals.loudness_short_lufs <= 10
        assert 0 <= signals.centroid_hz <= RATE / 2
        assert 0 <= signals.flatness <= 1
        assert signals.chroma.sum() == pytest.approx(1)
        assert signals.chroma_sync.sum() == pytest.approx(1)
        assert 425 <= signals.tuning_hz <= 456
        assert 0 <= signals.pitch_confidence <= 1
        assert 0 <= signals.bass_pitch_confidence <= 1
        assert signals.bass_pitch_hz == 0 or 30 <= signals.bass_pitch_hz <= 1050
        assert 0 <= signals.beat_phase < 1
        assert 0 <= signals.novelty <= 1
        assert signals.pitch_hz >= 0
        assert signals.tempo_bpm >= 0
        assert all(0 <= note.strength <= 1 for note in signals.notes)
        for onset in signals.onsets:
            assert 0 <= onset.strength <= 1
            assert signals.heard_s - 0.06 - 1 / 30 <= onset.t_s < signals.heard_s


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_other_sample_rates_are_heard(rate):
    t = np.arange(2 * rate) / rate
    tone = np.exp(-(t % 0.5) / 0.15) * 0.5 * np.sin(2 * np.pi * 880 * t)
    analyser = Analyser(ArraySource(tone, sample_rate=rate))
    signals = [analyser.until(frame / 30) for frame in range(1, 55)]
    assert len(onsets_of(signals, "mix", "mid")) == 4
    assert signals[-1].pitch_hz == pytest.approx(880, rel=0.01)
    assert signals[-1].chroma.argmax() == 9


@pytest.mark.parametrize("hop", [128, 512])
def test_other_hops_hear_the_same_notes(fragment, hop):
    found = [onset.t_s for onset in onsets_of([Analyser(ArraySource(fragment), Listening(hop=hop)).until(6.0)])]
    usual = [onset.t_s for onset in onsets_of([Analyser(ArraySource(fragment)).until(6.0)])]
    assert f_measure(found, usual) > 0.8


@pytest.mark.parametrize("wrong", [{"hop": 300}, {"window": 1000}, {"hop": 32}, {"hop": 2048}, {"pitch_window": 0}])
def test_windows_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"is \d+: (a power of two|at least the hop)"):
        Listening(**wrong)


def test_the_memory_stays_flat(fragment):
    analyser = Analyser(ArraySource(fragment, loop=True))
    for second in range(1, 11):
        analyser.until(float(second))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for second in range(11, 30):
        analyser.until(float(second))
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 100_000


def test_a_step_of_minutes_needs_no_buffer_of_minutes(fragment):
    source = ArraySource(fragment, loop=True)
    longest = 0
    read = source.read

    def watched(until_s):
        nonlocal longest
        block = read(until_s)
        longest = max(longest, block.size)
        return block

    source.read = watched
    Analyser(source).until(20.0)
    assert longest <= 1.1 * RATE


def test_the_onsets_of_the_demo_track_are_found(demo):
    known = truth().onsets_s
    found_s = [onset.t_s for onset in onsets_of(demo)]
    assert f_measure(found_s, known["mix"]) > 0.8
    for band, names, least in (("full", "drums", 0.85), ("low", "kick", 0.65), ("high", "hat", 0.65)):
        heard_s = [onset.t_s for onset in onsets_of(demo, "drums", band)]
        assert f_measure(heard_s, known[names]) > least, band
    assert f_measure([onset.t_s for onset in onsets_of(demo, "melody")], known["melody"]) > 0.75


def test_onsets_reach_the_frame_after_them(demo):
    true_s = truth().onsets_s["mix"]
    frame_s = {onset.t_s: frame.t_s for frame in demo for onset in onsets_of([frame])}
    late_s = [frame_s[found_s] - onset_s for found_s, onset_s in matches(sorted(frame_s), true_s)]
    assert np.median(late_s) < 0.035  # 21 ms to hear it, and half a frame to wait


def test_the_tempo_of_the_demo_track_is_found(demo):
    tempi = {t_s: next(frame.tempo_bpm for frame in demo if frame.t_s >= t_s) for t_s in (18, 35, 56)}
    assert tempi[18] == pytest.approx(100, rel=0.03)
    assert tempi[35] == pytest.approx(128, rel=0.03)
    assert tempi[56] == pytest.approx(90, rel=0.03)


def test_signals_move_with_the_music(demo):
    quiet, loud = demo[: 8 * 60], demo[22 * 60 : 30 * 60]
    level = {
        name: np.mean([frame.rms_db["mix"] for frame in part]) for name, part in (("quiet", quiet), ("loud", loud))
    }
    assert level["loud"] - level["quiet"] > 8
    assert np.std([frame.onset_strength["drums", "low"] for frame in loud]) > 0.15
    assert np.mean([frame.pitch_hz > 0 for frame in demo]) > 0.1
    assert max(frame.chroma.max() for frame in quiet) > 0.4
