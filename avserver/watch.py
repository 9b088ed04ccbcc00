"""What `avserver watch` prints: how a running server is doing, asked over OSC a few times a second."""

import json as json_module
import shutil
import time
from collections.abc import Mapping
from typing import TextIO

from avserver.control.osc_client import OscClient

# A server answers within a frame; one that takes longer than this is not there, or is not doing well.
_PATIENCE_S = 1.0
# ANSI: so many lines up, to the first column; clear from here to the end of the screen.
_LINES_UP = "\x1b[{}F"
_CLEAR_BELOW = "\x1b[J"

Status = Mapping[str, object]


def watch(host: str, port: int, *, json: bool, count: int | None, interval_s: float, out: TextIO) -> int:
    """Ask a server for its status again and again and print it: live lines on a terminal, else a line each time.

    While nobody answers it says so once and keeps asking.

    Args:
        host: where the server listens for OSC.
        port: see host.
        json: print one JSON object a line: the status as it came, or `{"error": …}`.
        count: stop after so many looks; None looks until Ctrl-C.
        interval_s: between two looks (s).
        out: where to print.

    Returns:
        The exit code: 0, or 1 if the server did not answer the last look.

    Raises ConfigError for a host or a port that cannot be.
    """
    lines = _Lines(out, json)
    before: tuple[float, Status] | None = None
    status: Status | None = None
    looks = 0
    try:
        with OscClient(host, port) as client:
            while count is None or looks < count:
                start_s = time.monotonic()
                status = client.status(_PATIENCE_S)
                if status is None:
                    lines.failure(f"nobody answers OSC at {host}:{port}; is `avserver serve` running there?")
                    before = None
                else:
                    lines.status(status, onsets_per_s=_rate("onsets", before, (start_s, status)))
                    before = (start_s, status)
                looks += 1
                if looks != count:
                    time.sleep(max(0.0, start_s + interval_s - time.monotonic()))
    except KeyboardInterrupt:
        return 0
    finally:
        lines.end()
    return 1 if status is None else 0


def _rate(name: str, before: tuple[float, Status] | None, now: tuple[float, Status]) -> float | None:
    """Return by how much a count grew per second, None where it cannot be told."""
    if before is None or now[0] <= before[0]:
        return None
    counts = before[1].get(name), now[1].get(name)
    if not all(isinstance(number, (int, float)) for number in counts):
        return None
    grown = float(counts[1]) - float(counts[0])  # type: ignore[arg-type]
    return grown / (now[0] - before[0]) if grown >= 0 else None  # the server began anew


def _tidy(value: object) -> object:
    """Return a float as it was meant, without the tail that 32 bits on the way gave it."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


class _Lines:
    """Prints: on a terminal lines that are written over, into a file or a pipe one line after another."""

    def __init__(self, out: TextIO, json: bool) -> None:
        self._out = out
        self._json = json
        self._live = out.isatty() and not json
        self._shown = 0
        self._last_failure = ""

    def status(self, status: Status, *, onsets_per_s: float | None) -> None:
        self._last_failure = ""
        if self._json:
            rate = None if onsets_per_s is None else round(onsets_per_s, 2)
            self._print(
                json_module.dumps({**{name: _tidy(value) for name, value in status.items()}, "onsets_per_s": rate})
            )
        else:
            self._print(*summary(status, onsets_per_s=onsets_per_s))

    def failure(self, sentence: str) -> None:
        """Print a sentence, but not the same one twice; as JSON every look has its line."""
        if self._json:
            self._print(json_module.dumps({"error": sentence}))
        elif sentence != self._last_failure:
            self._print(sentence)
        self._last_failure = sentence

    def end(self) -> None:
        if self._live:
            self._out.write("\n")

    def _print(self, *lines: str) -> None:
        if not self._live:
            self._out.write(" · ".join(lines) + "\n")
        else:
            width = shutil.get_terminal_size().columns
            above = _LINES_UP.format(self._shown - 1) if self._shown > 1 else ""
            # Cut to the width: a line that wrapped would count as two.
            self._out.write(f"{above}\r{_CLEAR_BELOW}" + "\n".join(line[: width - 1] for line in lines))
            self._shown = len(lines)
        self._out.flush()


def summary(status: Status, *, onsets_per_s: float | None) -> list[str]:
    """Return a status as lines: how the frames come, what is heard, and how they go out, where that is told."""

    def number(name: str, digits: int = 0) -> str:
        value = status.get(name)
        return f"{value:.{digits}f}" if isinstance(value, (int, float)) else "–"

    onsets = "–" if onsets_per_s is None else f"{onsets_per_s:.1f}"
    frames = [
        f"{status.get('worker', '–')}",
        f"{number('fps', 1)} fps",
        *(f"{number(name)} {name}" for name in ("late", "dropped", "repeated", "restarts")),
    ]
    heard = [
        f"{number('t_s', 1)} s",
        f"{number('tempo_bpm', 1)} bpm{_led_by(status)}",
        f"{onsets} onsets/s",
        f"segment {number('segment')}",
        *(str(status[name]) for name in ("audio", "model") if name in status),
        *([f"sound is {status['audio.state']}"] if status.get("audio.state", "playing") != "playing" else []),
        *([f"preset {status['preset']}"] if status.get("preset") else []),
        *([f"then {status['next_model']}"] if status.get("next_model") else []),
        *(str(status[name]) for name in ("model_error", "tempo_error") if status.get(name)),
    ]
    out = [*_outputs(status), *_recording(status, "record", "recording"), *_recording(status, "take", "take")]
    return [" · ".join(line) for line in (frames, heard, out) if line]


def _outputs(status: Status) -> list[str]:
    """Say how many outputs play, and why the others do not."""
    states = {
        key.removeprefix("output.").removesuffix(".state"): state
        for key, state in status.items()
        if key.startswith("output.") and key.endswith(".state")
    }
    if not states:
        return []
    playing = sum(state == "playing" for state in states.values())
    others = [
        f"{name} is {state}" + (f": {reason}" if (reason := status.get(f"output.{name}.error")) else "")
        for name, state in states.items()
        if state != "playing"
    ]
    return [f"{playing} of {len(states)} outputs play", *others]


def _recording(status: Status, root: str, noun: str) -> list[str]:
    """Say how long the recording is and how large, if there is one, or why it is none; `noun` is what it is called."""
    state, seconds, size = (status.get(f"{root}.{name}") for name in ("state", "seconds", "bytes"))
    if state == "failed":
        return [f"{noun} failed: {status.get(f'{root}.error', '')}"]
    if state in (None, "idle") or not isinstance(seconds, (int, float)) or not isinstance(size, (int, float)):
        return []
    doing = noun if state == "recording" else f"{state} {noun}" if root == "take" else state
    return [f"{doing} {seconds:.0f} s, {size / 1e6:.1f} MB"]


def _led_by(status: Status) -> str:
    """Say who gives the beat, where it is not the music."""
    match status.get("tempo_source", "audio"):
        case "audio":
            return ""
        case "link":
            return f" from Link ({status.get('link_peers', 0)} peers)"
        case "midi":
            return f" from MIDI clock ({status.get('midi_clock', 'none')})"
        case source:
            return " by hand" if source == "manual" else f" from {source}"
