"""Takes, read: who draws, what was decided at each tick, and where the sound is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avserver.control.params import Value
from avserver.errors import TakeError, UserError, WireError
from avserver.frame_spec import FrameSpec
from avserver.generator.role import Role
from avserver.take.chunks import ChunkReader
from avserver.take.delta import patched
from avserver.take.scribe import role_from


@dataclass(frozen=True, slots=True)
class Moment:
    """A tick of a take.

    Attributes:
        index: of the tick, as the show counted.
        role: who drew it.
        spec: what to draw; while `frozen` that of the last tick which was not, None if there was none.
        frozen: whether the picture stands still.
        opacity: what hands have set it to.
        blackout: whether black was shown.
        hit_s: when the last onset was that is heard in this frame and not in the one before (show time, s), if any.
        turned: the knobs that were turned at it; at the first tick, where all of them stand.
        fired: triggers that fired.
    """

    index: int
    role: Role
    spec: FrameSpec | None
    frozen: bool
    opacity: float
    blackout: bool
    hit_s: float | None
    turned: dict[str, Value] = field(default_factory=dict)
    fired: tuple[str, ...] = ()


class Take:
    """A take, as far as it can be read.

    Attributes:
        path: its file.
        fps: ticks a second.
        size: (width, height) of the frames in px.
        settings: what of the show's settings it needs to be played again: `show` of the header.
        sample_rate: of its sound (Hz).
        first, last: its first and last tick.
        roles: all who draw in it.
        hashes: SHA-256 of the files that it names, as far as they were known.
        songs: the places in songs, in order: (sample of the show, path, position in s).
        sound: how its sound is stored, None if it is that of songs.
        ended: whether it was ended, not cut off.
        lost: ticks that could not be written.

    Raises TakeError if it cannot be read, or has no tick in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chunks = ChunkReader(path)
        try:
            header = self.chunks.header
            self.settings: dict[str, Any] = dict(header["show"])  # type: ignore[call-overload]
            self.fps = float(self.settings["fps"])
            self.size = (int(self.settings["width_px"]), int(self.settings["height_px"]))
            self.sample_rate = int(self.settings["sample_rate"])
            self._survey()
        except (KeyError, TypeError, ValueError, IndexError, UserError) as err:
            if isinstance(err, TakeError):
                raise
            raise self._damaged(err) from err

    @property
    def ticks(self) -> int:
        """How many ticks there are from the first to the last, lost ones too."""
        return self.last - self.first + 1

    def moments(self) -> Iterator[Moment]:
        """Yield every tick that was written. Raises TakeError for a record that cannot be."""
        spec: dict[str, Any] = {}
        role: Role | None = None
        held: dict[str, Any] = {}
        knobs: dict[str, Value] = {}
        last: FrameSpec | None = None
        for text in self.chunks.lines():
            try:
                line = json.loads(text)
                if "role" in line:
                    role = role_from(line["role"])
                elif "knobs" in line:
                    knobs = line["knobs"]
                if "t" not in line:
                    continue
                if role is None:
                    raise ValueError("a tick comes before who draws it")
                spec = patched(spec, line.get("s", {}))
                held |= {key: line[key] for key in ("f", "o", "b") if key in line}
                index = line["t"]
                if not held["f"]:
                    last = FrameSpec.from_plain({**spec, "index": index, "t_s": index / self.fps})
                turned, knobs = {**knobs, **line.get("k", {})}, {}
                fired = tuple(line.get("x", ()))
                moment = Moment(index, role, last, held["f"], held["o"], held["b"], line.get("h"), turned, fired)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, UserError, WireError) as err:
                raise self._damaged(err) from err
            yield moment

    def _survey(self) -> None:
        """Read what is not about single ticks."""
        self.first, self.last, self.ended, self.lost = -1, -1, False, 0
        self.roles: list[Role] = []
        self.hashes: dict[str, str] = {}
        self.songs: list[tuple[int, str, float]] = []
        self.sound: dict[str, Any] | None = None
        for text in self.chunks.lines():
            if text.startswith(b'{"t":'):
                self.last = int(text[5:].split(b",", 1)[0].rstrip(b"}"))
                self.first = self.last if self.first < 0 else self.first
                continue
            line = json.loads(text)
            match line:
                case {"role": role}:
                    self.roles.append(role_from(role))
                case {"file": name, "sha256": sha256}:
                    self.hashes[name] = sha256
                case {"song": song, "sample": sample, "at_s": at_s}:
                    self.songs.append((sample, song, at_s))
                case {"sound": sound}:
                    self.sound = sound
                case {"end": _, "lost": lost}:
                    self.ended, self.lost = True, lost
        if self.first < 0:
            raise TakeError(f"{self.path} is a take without a frame in it")

    def _damaged(self, err: Exception) -> TakeError:
        return TakeError(f"{self.path} is a take that this avserver cannot read: {type(err).__name__}: {err}")
