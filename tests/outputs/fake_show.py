"""A show without a model or music: pictures that move, signals that swing, and a real desk."""

import math
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from avserver.control.desk import Command, Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.librarian import Librarian
from avserver.control.moment import Moment
from avserver.control.param_makers import choice_param, float_param
from avserver.control.params import ParamTable
from avserver.control.patch_params import bend_params, choir_params, model_params
from avserver.control.preset_folder import PresetFolder
from avserver.control.preset_hand import PresetHand
from avserver.frame import Frame
from avserver.outputs.web.preview import WebPreview
from avserver.signals import BANDS, CHROMA_CLASSES, STEMS, Onset, Signals

FPS = 30
SIZE_PX = 256
TEMPO_BPM = 120.0

# As many as a grown show has; those that are among the fixed ones too are those.
_MORE = [
    *(
        float_param(f"/signal/{stem}/{band}/{name}", 1.0, 0.0, 4.0, f"{name} of {stem} {band}", unit)
        for stem in STEMS
        for band in BANDS
        for name, unit in (("gain", ""), ("threshold", ""), ("attack_s", "s"), ("release_s", "s"))
    ),
    choice_param("/tempo/source", "audio", ("audio", "link", "midi", "tap", "manual"), "whose beat it is"),
    choice_param("/quantise/preset", "off", ("off", "beat", "bar"), "when presets are recalled"),
]

TABLE = ParamTable(
    {
        param.address: param
        for param in (
            *_MORE,
            *FIXED,
            *model_params(("default", "night", "sea")),
            *choir_params("melody", seeds=range(1, 13), layers=(0.0, 0.35), glide_s=1.0),
            *choir_params("segment", seeds=(21, 22, 4_294_967_295), layers=(0.35, 0.7), glide_s=4.0),
            *choir_params("drums", seeds=(31, 32), layers=(0.7, 1.0), glide_s=0.2),
            *bend_params("kick_zoom", layer="b32", transform="zoom"),
            *bend_params("snare_turn", layer="b64", transform="rotate"),
            *bend_params("drift", layer="b16", transform="translate"),
        )
    }.values()
)


class FakeShow:
    """Runs in a thread until it is left, like an engine of 30 fps."""

    def __init__(self, preview_port: int = 0, *, host: str = "127.0.0.1", token: str = "") -> None:
        self.queue = EventQueue()
        self._folder = tempfile.TemporaryDirectory()
        self._librarian = Librarian(PresetFolder(Path(self._folder.name)))
        self.presets = PresetHand(self._librarian)
        self.asked: list[str] = []
        self.desk = Desk(TABLE, self.status, self._commands(), self.presets.on_fire())
        self.preview = WebPreview(
            host,
            preview_port,
            describe=[param.to_plain() for param in TABLE.values()],
            values=lambda: self.desk.values,
            put=self.queue.put,
            token=token,
        )
        self.fired: list[str] = []
        self.more: dict[str, str | float | int] = {}
        self.slowest_send_s = 0.0
        self.frames = 0
        self.next_table: ParamTable | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, name="show")

    def __enter__(self) -> Self:
        self.preview.open()
        self._librarian.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self.preview.close()
        self._librarian.__exit__(None, None, None)
        self._folder.cleanup()

    def _commands(self) -> dict[str, Command]:
        """Return those of the presets, and some that are only taken note of."""
        noted = ("/mapping/reload", "/record/start", "/record/stop", "/take/start", "/take/stop")
        return self.presets.commands() | {
            name: Command(lambda _, name=name: self.asked.append(name), "", name) for name in noted
        }

    def status(self) -> dict[str, str | float | int]:
        return {
            "fps": 29.97,
            "t_s": self.frames / FPS,
            "worker": "playing",
            "late": 2,
            "dropped": 0,
            "frames": self.frames,
            "segment": 1,
            "model": "a.safetensors",
            "next_model": "b.safetensors",
            "preset": self.presets.playing,
            "presets": self.presets.count,
            **self.more,
            **{f"output.preview.{name}": value for name, value in self.preview.status().items()},
        }

    def _play(self) -> None:
        start_s = time.monotonic()
        for index in range(10_000_000):
            if self._stopped.wait(max(0.0, start_s + index / FPS - time.monotonic())):
                return
            t_s = index / FPS
            if self.next_table is not None:
                table, self.next_table = self.next_table, None
                self.desk.take(table)
                self.preview.describe([param.to_plain() for param in table.values()])
            moves = self.presets.events(Moment(t_s, time.time()), self.desk.values)
            self.fired += self.desk.apply(moves + self.queue.drain(time.time()))
            values = dict(self.desk.values)
            values["/bend/kick_zoom/amount"] = 1.0 + 0.5 * math.sin(3 * t_s)
            self.preview.observe(signals(index), values)
            before_s = time.perf_counter()
            self.preview.send(Frame(pixels=picture(t_s), index=index, t_s=t_s))
            self.slowest_send_s = max(self.slowest_send_s, time.perf_counter() - before_s)
            self.frames = index


def picture(t_s: float) -> np.ndarray:
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX] / SIZE_PX
    waves = [np.sin(9 * x + t_s * (1 + i) + 5 * np.sin(4 * y + i + t_s / 2)) for i in range(3)]
    return np.ascontiguousarray((127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8))


def signals(index: int) -> Signals:
    t_s = index / FPS
    beats = t_s * TEMPO_BPM / 60
    phase = beats % 1.0
    hit = index % 15 == 0
    onsets = [Onset(t_s, "drums", "low", 0.9), Onset(t_s, "mix", "full", 0.7)] if hit else []
    if index % 15 == 7:
        onsets += [Onset(t_s, "drums", "high", 0.5), Onset(t_s, "melody", "mid", 0.8)]
    chroma = 1.05 + np.cos(np.arange(CHROMA_CLASSES) / CHROMA_CLASSES * 2 * np.pi - t_s)
    return Signals(
        t_s=t_s,
        heard_s=t_s,
        rms_db={stem: -14 - 12 * phase - 4 * i * math.sin(t_s + i) ** 2 for i, stem in enumerate(STEMS)},
        loudness_lufs=-18.0 - 6 * phase,
        loudness_short_lufs=-20.0,
        centroid_hz=1500.0,
        flatness=0.05,
        onset_strength={
            (stem, band): max(0.0, math.sin(1.3 * t_s * (i + 1) + j) * (1 - phase) ** 2)
            for i, stem in enumerate(STEMS)
            for j, band in enumerate(BANDS)
        },
        onsets=tuple(onsets),
        pitch_hz=440.0,
        pitch_confidence=0.8,
        bass_pitch_hz=0.0,
        bass_pitch_confidence=0.0,
        notes=(),
        chroma=chroma / chroma.sum(),
        chroma_sync=chroma / chroma.sum(),
        tuning_hz=440.0,
        tempo_bpm=TEMPO_BPM,
        beat_phase=phase,
        beat=hit,
        beats=t_s * TEMPO_BPM / 60,
        beat_s=0.0,
        beat_confidence=0.5,
        segment=1,
        novelty=0.1,
    )
