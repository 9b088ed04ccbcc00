"""`avserver bench record`: what a recording loses, and what is left of one whose show is killed.

Three parts, all of 1280x720 at 30 a second: pictures with numbers in them, sent in their own time, read back from the
file; a whole show that records itself; and such a show killed in the middle.
"""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from avserver.audio.clicks import clicks
from avserver.audio.overheard import Overheard
from avserver.audio.source import ArraySource, Samples
from avserver.bench.report import Report
from avserver.bench.show import status_of
from avserver.frame import Frame
from avserver.outputs.settings import RecordingSettings
from avserver.outputs.video.recorder import Recorder
from avserver.server_process import ServerProcess

_LOG = logging.getLogger(__name__)

_FPS = 30
_WIDTH_PX, _HEIGHT_PX = 1280, 720
_SIZE = f"{_WIDTH_PX}x{_HEIGHT_PX}"
# The number of a picture in its first rows, one square for each bit.
_BITS, _SQUARE_PX = 20, 32
_CLICK_EVERY_S = 0.8137  # not a multiple of the frame time
_LOOP_CLICKS = 37
# Pictures come so many ticks after the sound that shaped them, as in a show.
_LATE_TICKS = 2
_KILLED_AFTER_S = 6.0
_WAIT_S = 60.0

Luma = npt.NDArray[np.uint8]


def bench_recording(report: Report, *, duration_s: float, model: str) -> None:
    """Run all parts; the first two record `duration_s` each."""
    with tempfile.TemporaryDirectory(prefix="avserver-bench-") as folder:
        measure_numbered(report, Path(folder), duration_s)
        measure_recorded_show(report, Path(folder), duration_s, model)
        measure_killed_show(report, Path(folder), model)


def measure_numbered(report: Report, folder: Path, duration_s: float) -> None:
    """Record pictures that have numbers, with clicks that have flashes, and look for all of them in the file."""
    click_times_s = [_CLICK_EVERY_S * i for i in range(1, _LOOP_CLICKS)]
    loop_s = _CLICK_EVERY_S * _LOOP_CLICKS
    sound = Overheard(ArraySource(clicks(click_times_s, loop_s, sample_rate=48_000), sample_rate=48_000, loop=True))
    count, texture, path = round(duration_s * _FPS), _texture(), folder / "numbered.mp4"
    _LOG.info("recording %d numbered pictures", count)
    settings = RecordingSettings(path=str(path))
    with Recorder(settings, sound, fps=_FPS) as recorder:
        start_s, cpu_s = time.monotonic(), time.process_time()
        for index in range(count):
            time.sleep(max(0.0, start_s + index / _FPS - time.monotonic()))
            sound.read((index + _LATE_TICKS) / _FPS)
            t_s = index / _FPS
            flash = index > 0 and any(0 <= t_s % loop_s - click_s < 1 / _FPS for click_s in click_times_s)
            recorder.send(Frame(pixels=_numbered(texture, index, flash=flash), index=index, t_s=t_s))
        cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - start_s
    figures = recorder.recording()
    seen = read_film(path)
    places = np.arange(len(seen.numbers))
    report.add("numbered pictures", "sent", count)
    report.add("numbered pictures", "in the file", len(seen.numbers))
    report.add("numbered pictures", "dropped, by its own count", figures["record.dropped"])
    report.add("numbered pictures", "at another place than their own", int(np.sum(places != seen.numbers)))
    report.add("numbered pictures", "of one core, all in all (%)", 100 * cpu_s / wall_s)
    report.add("numbered pictures", "megabits a second", path.stat().st_size * 8e-6 / max(duration_s, 1e-9))
    offsets_ms = 1e3 * np.asarray(_offsets_s(seen.clicks_s, seen.flashes_s))
    report.add("click to flash", "clicks with a flash", len(offsets_ms))
    if offsets_ms.size:
        report.add("click to flash", "least (ms)", float(offsets_ms.min()))
        report.add("click to flash", "most (ms); one picture lasts 33.3", float(offsets_ms.max()))


def measure_recorded_show(report: Report, folder: Path, duration_s: float, model: str) -> None:
    """Have a server record itself while it plays the demo, and end it as a user does."""
    settings = folder / "show.toml"
    settings.write_text("[audio]\nloop = true\n[recording]\nfolder = '.'\n", encoding="utf-8")
    arguments = [str(settings), "--model", model, "--fps", str(_FPS), "--size", _SIZE]
    with ServerProcess(arguments, log=folder / "show.log") as server:
        server.wait_until("playing")
        time.sleep(2.0)
        _LOG.info("recording a show for %g s", duration_s)
        before = status_of(server)
        path = _start_in(server, "show.mp4")
        time.sleep(duration_s)
        during = status_of(server)
        server.osc.send("/record/stop")
        after = _wait_until_idle(server)
        report.add("recorded show", "frames a second drawn", (during["frames"] - before["frames"]) / duration_s)
        report.add("recorded show", "frames late at the outputs", during["late"] - before["late"])
        report.add("recorded show", "seconds, by its own count", after["record.seconds"])
        report.add("recorded show", "pictures dropped by the recording", after["record.dropped"])
        report.add("recorded show", "pictures repeated: the show skipped", after["record.repeated"])
    seen = read_film(path)
    report.add("recorded show", "pictures in the file", len(seen.numbers))
    gaps_ms = 1e3 * np.diff(seen.times_s)
    report.add("recorded show", "longest time between two (ms)", float(gaps_ms.max()))
    report.add("recorded show", "sound less picture (ms)", 1e3 * (seen.sound_s - len(seen.numbers) / _FPS))


def measure_killed_show(report: Report, folder: Path, model: str) -> None:
    """Kill a show that records itself, and see how much of it is in the file."""
    path = folder / "killed.mp4"
    arguments = ["--model", model, "--fps", str(_FPS), "--size", _SIZE, "--record", str(path)]
    with ServerProcess(arguments, log=folder / "killed.log") as server:
        server.wait_until("playing")
        time.sleep(_KILLED_AFTER_S)
        recorded_s = status_of(server)["record.seconds"]
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    seen = read_film(path)
    report.add("killed in the middle", "recorded until shortly before (s)", recorded_s)
    report.add("killed in the middle", "pictures in the file (s)", len(seen.numbers) / _FPS)
    report.add("killed in the middle", "sound in the file (s)", seen.sound_s)


@dataclass(frozen=True, slots=True)
class Seen:
    """A film read back: the numbers and times (s) of its pictures, when they flash and when it clicks (s)."""

    numbers: list[int]
    times_s: list[float]
    flashes_s: list[float]
    clicks_s: list[float]
    sound_s: float


def read_film(path: Path) -> Seen:
    """Decode a film of numbered pictures; of others the numbers mean nothing."""
    numbers, times_s, flashes_s = [], [], []
    with av.open(str(path)) as film:
        film.streams.video[0].thread_type = "AUTO"
        for frame in film.decode(video=0):
            plane = frame.planes[0]
            luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            numbers.append(_number(luma))
            times_s.append(float(frame.pts * frame.time_base))
            if luma[-_SQUARE_PX:].mean() > 200:
                flashes_s.append(times_s[-1])
    clicks_s, sound_s = _read_sound(path)
    return Seen(numbers, times_s, flashes_s, clicks_s, sound_s)


def _read_sound(path: Path) -> tuple[list[float], float]:
    """Return when it clicks, and how long it sounds (s)."""
    clicks_s: list[float] = []
    end_s = 0.0
    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            samples: Samples = frame.to_ndarray().reshape(-1)
            begin_s = float(frame.pts * frame.time_base)
            end_s = begin_s + samples.size / frame.sample_rate
            for at in np.flatnonzero(np.abs(samples) > 0.2)[:1]:
                at_s = begin_s + at / frame.sample_rate
                if not clicks_s or at_s - clicks_s[-1] > 0.1:
                    clicks_s.append(at_s)
    return clicks_s, end_s


def _offsets_s(clicks_s: Sequence[float], flashes_s: Sequence[float]) -> list[float]:
    """Return for each click how long after it the flash next to it begins (s)."""
    flashes = np.asarray(flashes_s)
    nearest = [flashes[np.argmin(np.abs(flashes - click_s))] - click_s for click_s in clicks_s if flashes.size]
    return [float(offset) for offset in nearest if abs(offset) < _CLICK_EVERY_S / 2]


def _texture() -> Luma:
    """Return a large picture, clouds with grain, of which pictures are parts."""
    rng = np.random.default_rng(0)
    clouds = rng.integers(0, 256, (50, 90, 3), np.uint8)
    large = cv2.resize(clouds, (_WIDTH_PX + 128, _HEIGHT_PX + 128), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grained: Luma = np.clip(large + rng.normal(0, 4, large.shape), 0, 255).astype(np.uint8)
    return grained


def _numbered(texture: Luma, index: int, *, flash: bool) -> Luma:
    """Return a picture, slowly moving, that says its number."""
    across, down = (round(64 + 63 * turn) for turn in (np.sin(index / 40), np.cos(index / 55)))
    pixels = texture[down : down + _HEIGHT_PX, across : across + _WIDTH_PX].copy()
    for bit in range(_BITS):
        pixels[:_SQUARE_PX, bit * _SQUARE_PX : (bit + 1) * _SQUARE_PX] = 230 if index >> bit & 1 else 25
    pixels[-_SQUARE_PX:] = 255 if flash else 0
    return pixels


def _number(luma: Luma) -> int:
    squares = luma[8 : _SQUARE_PX - 8, : _BITS * _SQUARE_PX].reshape(-1, _BITS, _SQUARE_PX)
    return sum(1 << bit for bit, light in enumerate(squares[:, :, 8:-8].mean(axis=(0, 2))) if light > 128)


def _start_in(server: ServerProcess, name: str) -> Path:
    server.osc.send("/record/start", name)
    end_s = time.monotonic() + _WAIT_S
    while not (status := status_of(server))["record.seconds"]:
        if time.monotonic() > end_s:
            raise RuntimeError(f"the recording did not begin: {status['record.error'] or server.printed}")
        time.sleep(0.05)
    return Path(status["record.path"])


def _wait_until_idle(server: ServerProcess) -> dict[str, float]:
    end_s = time.monotonic() + _WAIT_S
    while (status := status_of(server))["record.state"] not in ("idle", "failed"):
        if time.monotonic() > end_s:
            raise RuntimeError(f"the recording did not end: {server.printed}")
        time.sleep(0.05)
    return status
