import numpy as np
import pytest
from sounds import HOP_S, RATE, bursts, f_measure, listen, matches, noise, onsets_of, seconds, sine

from avserver.analysis.analyser import Analyser
from avserver.analysis.gain import AutoGain, Gain
from avserver.analysis.stems import HEARD_FOR
from avserver.audio.clicks import clicks
from avserver.audio.source import ArraySource
from avserver.signals import BANDS, STEMS

CLICKS_S = np.cumsum(np.random.default_rng(3).uniform(0.25, 0.6, 40))


@pytest.fixture(scope="module")
def told():
    """(t_s, told at, strength) of each onset of a click track, per stem and band, heard hop by hop."""
    analyser = Analyser(ArraySource(clicks(CLICKS_S, CLICKS_S[-1] + 0.5)))
    found = {key: [] for key in HEARD_FOR}
    for hop in range(1, int((CLICKS_S[-1] + 0.5) / HOP_S)):
        for onset in analyser.until(hop * HOP_S).onsets:
            found[onset.stem, onset.band].append((onset.t_s, hop * HOP_S, onset.strength))
    return found


@pytest.mark.parametrize("key", [("mix", band) for band in BANDS])
def test_every_click_is_found_once_and_soon(told, key):
    times_s, told_s, strengths = np.array(told[key]).T
    assert times_s.size == CLICKS_S.size
    assert np.abs(times_s - CLICKS_S).max() < 0.010
    latency_s = told_s - CLICKS_S
    assert latency_s.max() < 0.021  # to the sample: from the click's first to the last of the hop that told it
    assert np.median(latency_s) < 0.0185
    assert np.all(times_s <= told_s)
    assert np.all(told_s - times_s < 0.06)
    assert strengths.min() > 0.5
    assert strengths.max() <= 1


def test_every_stem_and_band_is_heard():
    assert set(HEARD_FOR) == {(stem, band) for stem in STEMS for band in BANDS}


@pytest.mark.parametrize(("low_hz", "high_hz", "fires"), [(40, 120, "low"), (600, 1700, "mid"), (5000, 12_000, "high")])
def test_bands_fire_for_their_bursts_only(low_hz, high_hz, fires):
    times_s = np.arange(0.5, 8, 0.5)
    signals = listen(bursts(low_hz, high_hz, times_s, 8.0))
    for band in ("low", "mid", "high"):
        found = [onset.t_s for onset in onsets_of(signals, "mix", band)]
        if band == fires:
            assert f_measure(found, times_s) > 0.85
        else:
            assert len(found) <= 1
        peak = max(frame.onset_strength["mix", band] for frame in signals[30:])
        assert peak > 0.8 if band == fires else peak < 0.25


def test_a_tune_alone_has_no_drums():
    t = seconds(6.0)
    tune = np.zeros(t.size)
    for index, at in enumerate(np.arange(0.5, 5.5, 0.25)):
        hz, since = 220 * 2 ** ((index * 7 % 12) / 12), np.maximum(t - at, 0)
        note = sum(np.sin(2 * np.pi * hz * part * since) / part**1.5 for part in range(1, 8))
        tune += np.where(t >= at, 0.2 * note * np.exp(-since / 0.3) * np.minimum(since / 0.005, 1), 0)
    signals = listen(tune.astype(np.float32))
    assert len(onsets_of(signals, "melody")) >= 15
    assert sum(len(onsets_of(signals, "drums", band)) for band in ("low", "mid", "high")) <= 2


@pytest.mark.parametrize(
    ("name", "sound"),
    [("silence", 0 * seconds(14)), ("faint hiss", noise(14, 1e-4)), ("constant", 0 * seconds(14) + 0.5)]
    + [(f"{hz} Hz", sine(hz, 14)) for hz in (40, 60, 110, 220, 440, 3000)],
)
def test_what_does_not_change_has_no_stream_of_onsets(name, sound):
    signals = listen(sound.astype(np.float32))
    assert all(onset.t_s < 0.1 for frame in signals for onset in frame.onsets)  # where it begins, that is one
    assert max(max(frame.onset_strength.values()) for frame in signals[60:]) < 0.15


def test_a_quiet_part_after_a_loud_one_still_plays():
    times_s = np.arange(0.25, 20, 0.5)
    loud = clicks(times_s[:20], 20.0, level=0.9)
    quiet = clicks(times_s[20:], 20.0, level=0.09)  # 20 dB down
    signals = listen(loud + quiet)
    late = [onset for onset in onsets_of(signals, "mix", "high") if onset.t_s > 16]
    assert len(matches([onset.t_s for onset in late], times_s)) == len(late) == 8
    assert min(onset.strength for onset in late) > 0.3


def test_strength_follows_the_loudness_of_the_hit():
    times_s = np.arange(0.25, 10, 0.25)
    track = clicks(times_s[::2], 10.0, level=0.9) + clicks(times_s[1::2], 10.0, level=0.3)
    strengths = [onset.strength for onset in onsets_of(listen(track), "mix", "high")]
    assert len(strengths) == times_s.size
    assert min(strengths[::2]) > 1.3 * max(strengths[1::2])


def test_two_hits_closer_than_50_ms_are_one():
    signals = listen(clicks([0.5, 0.53, 1.0], 1.5))
    for band in BANDS:
        assert len(onsets_of(signals, "mix", band)) == 2


def test_levels_rise_at_once_and_fall_in_a_tenth_of_a_second():
    level = AutoGain(HOP_S, loud=1.0, quiet=0.05, floor=0.1, gain=Gain())
    level(2.0)
    assert level.level == 1.0
    for _ in range(round(0.08 / HOP_S)):
        level(0.0)
    assert level.level == pytest.approx(np.exp(-1), rel=0.05)
    assert level.of(1.0) == pytest.approx(0.5, rel=0.02)
    level.reset()
    assert (level.level, level.peak) == (0.0, 0.1)


def test_times_are_exact_after_a_night():
    analyser = Analyser(ArraySource(clicks([0.2], 0.5)))
    analyser._full._heard = 8 * 3600 * RATE
    found = [
        hit for start in range(0, RATE // 2, 256) if (hit := analyser._full(clicks([0.2], 0.55)[start : start + 256]))
    ]
    # aubio's own clock was not set forward, so the time is the oldest that is allowed: 60 ms before it is told
    assert len(found) == 1
    assert 8 * 3600 + 0.1 < found[0].t_s < 8 * 3600 + 0.25
