"""FileSource: a song, decoded as it is played and never held in memory as a whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from avserver.audio.source import AudioSource, Samples, clean
from avserver.errors import AudioError

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a")
# ffmpeg's own names for these. Nothing else is tried: a playlist or a picture is not a song.
_DEMUXERS = "wav,flac,ogg,mp3,mov,mp4,m4a"

SILENCE_DB = -90.0
SILENCE_S = 60.0
# A loop opens the file again each time round: ten times a second is enough.
SHORTEST_LOOP_S = 0.1
# What is decoded before a position that is sought (s): the first packets of mp3, aac and opus lean on those before.
PREROLL_S = 0.25


class FileSource(AudioSource):
    """A song from a file, mixed to mono (mean of the channels) and resampled by ffmpeg.

    A packet that cannot be decoded is left out and counted in `bad_packets`: the show goes on. A loop is as
    gapless as the codec lets it be: the file is read again from its beginning through the same resampler.

    Args:
        path: a file of one of FORMATS.
        sample_rate: samples per second (Hz) wanted, whatever the file has.
        loop: begin again at the end, for ever.
        start_s: where in the song the show begins (s); a loop goes back to the song's own beginning.
        may_be_silent: a show of a silent song is most likely a mistake; where it is none, say so.

    Raises:
        AudioError: when the file cannot be read, has no sound in it, ends before `start_s`, holds nothing
            above SILENCE_DB in the SILENCE_S seconds from there (unless it may), or is shorter than SHORTEST_LOOP_S for
            a loop.
    """

    _pending: Samples

    def __init__(
        self,
        path: str | Path,
        *,
        sample_rate: int = 44_100,
        loop: bool = False,
        start_s: float = 0.0,
        may_be_silent: bool = False,
    ) -> None:
        super().__init__(sample_rate)
        if not (np.isfinite(start_s) and start_s >= 0):
            raise AudioError(f"start at {start_s} s: a time of 0 s or more is needed")
        self.path = Path(path)
        self._loop = False
        self._start_s = start_s
        self._container: Any = None
        try:
            self._restart()
            if not may_be_silent:
                self._refuse_silence()
            if loop:
                self._refuse_short()
                self._loop = True
            self._restart()
        except AudioError:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        """True when the last sample has been read and there is no loop."""
        return self._exhausted and self._pending.size == 0

    @property
    def position_s(self) -> float:
        """Where in the song the next sample is (s)."""
        return self._at / self.sample_rate

    def place(self) -> tuple[Path, float] | None:
        """Return the song and where in it the next sample is (s), None when it is over."""
        return None if self.ended else (self.path, self.position_s)

    def status(self) -> dict[str, str | float | int]:
        """Return where the song is, and how much of it could not be decoded."""
        return {"position_s": round(self.position_s, 3), "bad_packets": self.bad_packets}

    def _read(self, count: int) -> Samples:
        parts = []
        while count > 0:
            if self._pending.size == 0:
                self._pending = self._next_block()
                if self._pending.size == 0:
                    break
            part, self._pending = self._pending[:count], self._pending[count:]
            parts.append(part)
            count -= part.size
            self._at += part.size
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _restart(self) -> None:
        self._resampler: Any = None
        self._resampler_input: tuple[str, str, int] | None = None
        self._exhausted = False
        self.bad_packets = 0
        self._frames = self._open_frames()
        self._pending = self._skip_to_start()
        self._at = round(self._start_s * self.sample_rate)

    def _seek(self, position_s: float) -> None:
        """Go to a position; past the end of a song lies silence, past that of a loop its beginning."""
        self._resampler = self._resampler_input = None
        self._exhausted = False
        self._pending = np.zeros(0, np.float32)
        self._at = round(position_s * self.sample_rate)
        try:
            self._frames = self._open_frames()
            self._container.seek(round(max(0.0, position_s - PREROLL_S) * av.time_base))
            first = next(self._frames, None)
            if first is not None:
                at = round(self._time_of(first) * self.sample_rate)
                self._pending, skipped = self._skip(self._at - at, first)
                self._at = self._at if self._pending.size else at + skipped
            if self._pending.size == 0 and self._loop:
                self._exhausted, self._at = False, 0
                self._frames = self._open_frames()
        except (AudioError, av.FFmpegError):  # taken away, or of a kind that cannot be sought: silence, not a halt
            self.bad_packets += 1
            self._exhausted = True

    def _time_of(self, frame: Any) -> float:
        """Return the position (s) of a frame in its song."""
        stream = self._container.streams.audio[0]
        return float((frame.pts - (stream.start_time or 0)) * stream.time_base)

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open_frames(self) -> Iterator[Any]:
        """Open the file again and return an iterator over its decoded frames. Raises AudioError."""
        self._close()
        try:
            # "file:" keeps ffmpeg from taking a name with a colon for another protocol.
            self._container = av.open(f"file:{self.path}", options={"format_whitelist": _DEMUXERS})
        except av.FFmpegError as err:
            raise self._unreadable(err.strerror or type(err).__name__) from err
        if not self._container.streams.audio:
            raise self._unreadable("it has no sound in it")
        self._heard_in_this_pass = False
        return self._decode(self._container, self._container.streams.audio[0])

    def _unreadable(self, reason: str) -> AudioError:
        return AudioError(f"cannot play {str(self.path)!r}: {reason}; allowed are {', '.join(FORMATS)} files")

    def _decode(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the frames of one pass over the file; what is broken is counted and left out."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self.bad_packets += 1
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.bad_packets += 1

    def _next_block(self) -> Samples:
        """Return some samples (at least one), or none when the song is over."""
        while not self._exhausted:
            frame = next(self._frames, None)
            block = self._flush() if frame is None else self._convert(frame)
            if block.size:
                self._heard_in_this_pass = True
                return block
            if frame is None:
                self._begin_again()
        return np.zeros(0, np.float32)

    def _begin_again(self) -> None:
        """Start the next pass of a loop; without one, or when a pass had nothing in it, the song is over."""
        if not (self._loop and self._heard_in_this_pass):
            self._exhausted = True
            return
        self._at = 0
        try:
            self._frames = self._open_frames()
        except AudioError:  # the file was taken away while it played: silence, not a halt
            self.bad_packets += 1
            self._exhausted = True

    def _flush(self) -> Samples:
        """Return what the resampler still holds. In a loop it is kept, and the next pass follows on it."""
        if self._loop or self._resampler is None:
            return np.zeros(0, np.float32)
        frames = self._resampler.resample(None)
        self._resampler = self._resampler_input = None
        return _mono(frames)

    def _convert(self, frame: Any) -> Samples:
        """Return a decoded frame as mono samples at our rate."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        left_over: list[Any] = []
        if kind != self._resampler_input:  # the first frame, or a stream that changes on its way
            left_over = self._resampler.resample(None) if self._resampler is not None else []
            self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=self.sample_rate)
            self._resampler_input = kind
        frame.pts = None  # a loop's second pass would jump back in time
        return _mono(left_over + self._resampler.resample(frame))

    def _skip_to_start(self) -> Samples:
        """Decode up to `start_s` and return the block that begins there. Raises AudioError."""
        block, skipped = self._skip(round(self._start_s * self.sample_rate))
        if block.size:
            return block
        if skipped == 0:
            raise self._unreadable("it has no samples in it")
        raise AudioError(
            f"cannot start at {self._start_s:g} s: {str(self.path)!r} ends at {skipped / self.sample_rate:.1f} s"
        )

    def _skip(self, count: int, first: Any = None) -> tuple[Samples, int]:
        """Decode `count` samples more; return the block that begins there and how many were skipped.

        The block is empty if the song ends before. `first` is a frame that has been decoded already.
        """
        skipped = 0
        loop, self._loop = self._loop, False
        block = self._next_block() if first is None else self._convert(first)
        while block.size or first is not None:
            first = None
            if skipped + block.size > count:
                break
            skipped += block.size
            block = self._next_block()
        self._loop = loop
        return block[max(0, count - skipped) :], skipped

    def _refuse_silence(self) -> None:
        """Raise AudioError when nothing can be heard for SILENCE_S from the start."""
        peak, heard = 0.0, 0
        while heard < SILENCE_S * self.sample_rate:
            block = self._read(self.sample_rate)
            if block.size == 0:
                break
            peak = max(peak, float(np.abs(block).max()))
            heard += block.size
            if peak > 10 ** (SILENCE_DB / 20):
                return
        peak_db = f"{20 * np.log10(peak):.0f} dBFS" if peak > 0 else "nothing but zeros"
        raise AudioError(
            f"{str(self.path)!r} is silent: its peak in {heard / self.sample_rate:.1f} s is {peak_db}; "
            f"something above {SILENCE_DB:.0f} dBFS is needed in the first {SILENCE_S:.0f} s"
        )

    def _refuse_short(self) -> None:
        """Raise AudioError when the whole song is too short to be looped."""
        self._restart()
        length_s = self._start_s + self._read(round(SHORTEST_LOOP_S * self.sample_rate)).size / self.sample_rate
        if length_s < SHORTEST_LOOP_S:
            raise AudioError(
                f"cannot loop {str(self.path)!r}: it lasts {length_s:g} s, at least {SHORTEST_LOOP_S} s is needed"
            )


def _mono(frames: list[Any]) -> Samples:
    """Return the mean of the channels of some frames of planar floats, one after another."""
    blocks = [clean(frame.to_ndarray()).mean(axis=0, dtype=np.float32) for frame in frames]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
