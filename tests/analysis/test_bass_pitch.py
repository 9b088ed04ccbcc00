import numpy as np
import pytest
from sounds import RATE, bursts, listen, noise, seconds, sine

from avserver.analysis.analyser import Analyser
from avserver.analysis.bass_pitch import BassPitch
from avserver.analysis.partials import Tones
from avserver.audio.source import ArraySource


def string(midi, duration_s, level=0.4, rate=RATE):
    """A plucked string: partials that die away, the higher the sooner."""
    t_s = np.arange(round(duration_s * rate)) / rate
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = [np.sin(2 * np.pi * k * hz * t_s) / k * np.exp(-t_s * (1 + 0.4 * k)) for k in range(1, 9)]
    return level * sum(partials) * np.minimum(t_s / 0.005, 1)


def semitones_off(signals, midi):
    """Return how far each told pitch is from a note, octaves counted."""
    return np.array([12 * np.log2(s.bass_pitch_hz / 440) + 69 - midi for s in signals if s.bass_pitch_hz])


@pytest.mark.parametrize("midi", range(28, 53, 3))
def test_a_string_has_its_pitch_to_a_tenth_of_a_semitone(midi):
    told = listen(string(midi, 1.0))[6:24]
    assert np.mean(np.abs(semitones_off(told, midi)) < 0.1) > 0.9
    assert len(semitones_off(told, midi)) > 0.9 * len(told)


@pytest.mark.parametrize("midi", [31, 38, 43])
def test_it_is_heard_under_drums_and_a_chord(midi):
    drums = bursts(40, 12_000, [0.0, 0.25, 0.5, 0.75], 1.0, level=0.3)
    chord = sum(string(note, 1.0, 0.1) for note in (60, 64, 67, 72))
    told = listen(string(midi, 1.0) + chord + drums)[6:24]
    assert np.mean(np.abs(semitones_off(told, midi)) < 0.5) > 0.8


def test_a_string_out_of_tune_is_told_as_it_is():
    assert np.median(semitones_off(listen(string(40.3, 1.0))[6:24], 40.3)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("sound", [0 * seconds(1.0), 0 * seconds(1.0) + 0.5, noise(1.0, 1e-4), sine(3000, 1.0)])
def test_where_there_is_no_bass_there_is_no_pitch(sound):
    assert {signals.bass_pitch_hz for signals in listen(sound)[15:]} == {0.0}


def test_a_new_note_is_known_within_a_tenth_of_a_second():
    signals = listen(np.concatenate([string(33, 0.5), string(40, 0.5)]), fps=100)
    assert abs(semitones_off(signals[45:49], 33)).max() < 0.5
    assert abs(semitones_off(signals[62:90], 40)).max() < 0.5


def test_its_notes_are_told():
    line = [33, 33, 36, 38]
    signals = listen(np.concatenate([*(string(midi, 0.5) for midi in line), np.zeros(RATE)]))
    events = [event for frame in signals for event in frame.notes if event.stem == "bass"]
    assert [event.midi for event in events if event.on] == line
    assert [event.t_s for event in events if event.on] == pytest.approx([0.0, 0.5, 1.0, 1.5], abs=0.07)
    assert [event.on for event in events] == [True, False] * 4


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_other_rates_hear_the_same(rate):
    signals = Analyser(ArraySource(string(36, 0.8, rate=rate), sample_rate=rate)).until(0.7)
    assert 12 * np.log2(signals.bass_pitch_hz / 440) + 69 == pytest.approx(36, abs=0.1)


def test_reset_equals_fresh():
    def hear(tones, pitch):
        told = []
        for hop in string(40, 0.5).astype(np.float32)[: 80 * 256].reshape(-1, 256):
            if tones(hop):
                pitch(tones)
                told.append((pitch.hz, pitch.confidence))
        return told

    tones, pitch = Tones(RATE), BassPitch()
    first = hear(tones, pitch)
    tones.reset()
    pitch.reset()
    assert hear(tones, pitch) == first
