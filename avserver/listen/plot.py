"""The picture of a recording: what the seed of this project showed its author, and what it is played by."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avserver.control.envelope import Envelope, EnvelopeOptions
from avserver.listen.recording import Recording
from avserver.plot_style import HIGH, LOW, MID, STYLE, TEXT, WARM

# The envelopes as the default mapping has them: hits that are strong and not too close, or the curves run together.
SHAPED = EnvelopeOptions(threshold=0.5, distance_s=0.9)
WIDTH_IN, HEIGHT_IN, DPI = 19.2, 13.5, 100
NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
SEGMENTS = ("#1b2333", "#2a1f33", "#1d2f2a", "#33281b", "#1b2f36", "#331b22")
# Wider than the picture has columns is only slower to draw; an onset must not be lost to thinning, so the highest of
# what falls into a column is drawn.
COLUMNS = 2400


def plot(recording: Recording, path: Path, *, title: str) -> None:
    """Draw a recording into a picture file (its name says which kind: .png, .svg, .pdf)."""
    rows = (1.0, 2.2, 1.5, 1.5, 1.5, 1.2, 1.2, 1.2)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
        axes: Sequence[Axes] = figure.subplots(len(rows), 1, sharex=True, gridspec_kw={"height_ratios": rows})
        figure.suptitle(title, x=0.01, ha="left", fontsize=15)
        _draw_loudness(axes[0], recording)
        _draw_chroma(axes[1], recording)
        _draw_drums(axes[2], recording)
        _draw_shapes(axes[3], recording, "drums", "mid", MID)
        _draw_shapes(axes[4], recording, "bass", "full", LOW)
        _draw_pitch(axes[5], recording)
        _draw_tempo(axes[6], recording)
        _draw_segments(axes[7], recording)
        axes[-1].set_xlim(0, max(recording.hop_s, len(recording.levels) * recording.hop_s))
        axes[-1].set_xlabel("s")
        figure.savefig(path)


def _thinned(
    t_s: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return at most COLUMNS points of a curve, each the highest of its stretch."""
    every = max(1, -(-values.size // COLUMNS))
    whole = values.size // every * every
    if not whole:
        return t_s, values
    return t_s[:whole:every], values[:whole].reshape(-1, every).max(axis=1)


def _curve(axes: Axes, recording: Recording, values: Sequence[float], **how: Any) -> None:
    axes.plot(*_thinned(recording.t_s, np.array(values, float)), **how)


def _legend(axes: Axes) -> None:
    """Put the legend above the curves, where it hides none of them."""
    axes.legend(ncols=4, loc="lower right", bbox_to_anchor=(1.0, 0.98), borderaxespad=0.0, handlelength=1.2)


def _draw_loudness(axes: Axes, recording: Recording) -> None:
    for stem, colour in (("mix", TEXT), ("drums", HIGH), ("bass", LOW), ("melody", WARM)):
        _curve(axes, recording, [now.rms_db[stem] for now in recording.levels], color=colour, label=stem)
    axes.set_ylim(-60, 0)
    axes.set_ylabel("level (dB)")
    _legend(axes)


def _draw_chroma(axes: Axes, recording: Recording) -> None:
    every = max(1, len(recording.levels) // COLUMNS)
    classes = np.array([now.chroma for now in recording.levels[::every]]).T
    end_s = len(recording.levels) * recording.hop_s
    axes.imshow(
        classes, aspect="auto", origin="lower", cmap="magma", extent=(0, end_s, -0.5, 11.5), interpolation="nearest"
    )
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.set_ylabel("chroma")


def _draw_drums(axes: Axes, recording: Recording) -> None:
    """Draw the onset strength of the drums by band, each in a lane of its own, with a mark at every peak."""
    for lane, (band, colour) in enumerate((("low", LOW), ("mid", MID), ("high", HIGH))):
        strength = np.array([now.onset_strength["drums", band] for now in recording.levels])
        t_s, highest = _thinned(recording.t_s, strength)
        axes.fill_between(t_s, lane, lane + 0.9 * highest, color=colour, alpha=0.45, linewidth=0)
        hits = [told.onset for told in recording.onsets if (told.onset.stem, told.onset.band) == ("drums", band)]
        axes.vlines(
            [hit.t_s for hit in hits], lane, [lane + 0.9 * hit.strength for hit in hits], color=colour, linewidth=0.9
        )
    axes.set_yticks([0.4, 1.4, 2.4], ["low", "mid", "high"])
    axes.set_ylim(0, 3)
    axes.set_ylabel("drums: onsets")


def _draw_shapes(axes: Axes, recording: Recording, stem: str, band: str, colour: str) -> None:
    """Draw peaks, decay, rise and dip of one stem and band."""
    curves = {shape: _envelope(recording, f"{stem}.{band}.{shape}") for shape in ("decay", "rise", "dip")}
    _curve(axes, recording, curves["decay"], color=colour, label="decay")
    _curve(axes, recording, curves["rise"], color=WARM, alpha=0.7, label="rise")
    t_s, dip = recording.t_s, np.array(curves["dip"])
    t_s, fallen = _thinned(t_s, 1 - dip)  # the lowest of a stretch, for it is a dip
    axes.plot(t_s, 1 - fallen, color=TEXT, alpha=0.8, label="dip")
    peaks = np.array(_envelope(recording, f"{stem}.{band}.peaks"))
    at = np.flatnonzero(peaks)
    axes.plot(recording.t_s[at], peaks[at], ".", color=colour, markersize=5, label="peaks")
    axes.set_ylim(0, 1.3)
    axes.set_ylabel(f"{stem} {band}")
    _legend(axes)


def _envelope(recording: Recording, name: str) -> list[float]:
    """Return the envelope of that name after every hop, fed as a show feeds it."""
    envelope = Envelope(name, SHAPED)
    return [envelope.update(now.onsets, now.t_s) for now in recording.levels]


def _draw_pitch(axes: Axes, recording: Recording) -> None:
    for name, colour, label in (("pitch_hz", HIGH, "pitch"), ("bass_pitch_hz", LOW, "bass")):
        hz = np.array([getattr(now, name) for now in recording.levels])
        voiced = hz > 0
        axes.plot(recording.t_s[voiced], hz[voiced], ".", color=colour, markersize=2.5, label=label)
    axes.set_yscale("log", base=2)
    axes.set_ylim(30, 2100)
    axes.set_yticks([55, 110, 220, 440, 880], ["55", "110", "220", "440", "880"])
    axes.set_ylabel("pitch (Hz)")
    _legend(axes)


def _draw_tempo(axes: Axes, recording: Recording) -> None:
    bpm = np.array([now.tempo_bpm for now in recording.levels])
    known = bpm > 0
    beats_s = [beat.t_s for beat in recording.beats]
    axes.plot(recording.t_s[known], bpm[known], color=MID)
    if known.any():
        low, high = float(bpm[known].min()) - 8, float(bpm[known].max()) + 8
        axes.vlines(beats_s, low, low + 0.12 * (high - low), color=TEXT, linewidth=0.6, alpha=0.6)
        axes.set_ylim(low, high)
    axes.set_ylabel("tempo (bpm)")


def _draw_segments(axes: Axes, recording: Recording) -> None:
    """Draw the tempo segments as coloured stretches, and how much the tempo departs from them."""
    length_s = len(recording.levels) * recording.hop_s
    begins = [(0.0, 0), *((change.t_s, change.index) for change in recording.segments)]
    for (begin_s, index), (end_s, _) in pairwise([*begins, (length_s, 0)]):
        axes.axvspan(begin_s, end_s, color=SEGMENTS[index % len(SEGMENTS)], linewidth=0)
        axes.text((begin_s + end_s) / 2, 0.75, str(index), ha="center", fontsize=12)
    _curve(axes, recording, [now.novelty for now in recording.levels], color=WARM, label="novelty")
    axes.set_ylim(0, 1)
    axes.set_ylabel("segment")
    _legend(axes)
