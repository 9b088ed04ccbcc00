"""Film: pictures and sound, one after another, encoded into a file or a stream.

It has no threads and no clock: the same pictures and sound give the same film, however long they take to come.
"""

import contextlib
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from avserver.audio.source import Samples
from avserver.errors import ConfigError
from avserver.outputs.video.encoding import SOUND_RATE_HZ, Encoder, FilmForm, threads_for
from avserver.shape import Shape
from avserver.shaping import shaped

# What a disk, a receiver or an encoder may be in the way with.
FILM_ERRORS = (OSError, av.FFmpegError)
_SOUND_BITS_PER_S = 160_000
# The smallest that every encoder here takes, to find out whether it works on this machine.
_TRIAL_PX = (256, 144)


class Target(Protocol):
    """Where the bytes of a film go. `write` takes all of them, or raises OSError."""

    def write(self, data: bytes) -> int:
        """Write bytes; return how many."""

    def close(self) -> None:
        """Let go of it."""


class FilmFile:
    """A new file as a target. Bytes are with the system once written, so that they outlive the process.

    Raises FileExistsError where there is one already, unless it may be written over; other OSErrors as they come.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._file = path.open("wb" if overwrite else "xb", buffering=0)
        self.name = str(path)

    def write(self, data: bytes) -> int:
        """Write all of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        self._file.truncate(size)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Film:
    """A film in the making. Pictures follow each other at a constant rate; sound begins with the first of them.

    Encoders want even sizes: of an odd width or height the last column or row is left out. Pictures of another size
    than the first are stretched to it.

    Args:
        target: takes the bytes; has `seek` and `tell` if it is a file. It is closed with the film.
        form: how it is stored.
        width_px: of the pictures, at least 2.
        height_px: of the pictures, at least 2.
        fps: pictures a second.
        sound: whether there is any.
        burst: the most bytes that are written at once.
        chapter: of so many pictures each is encoded as if it were a film of its own, so that how a later one is stored
            does not depend on earlier ones; 0: the film is one chapter.

    Attributes:
        pictures: how many places there are so far.
        bytes: how many were written.

    Raises ConfigError if the encoder does not work on this machine, or not with these settings.
    """

    def __init__(
        self,
        target: Target,
        form: FilmForm,
        *,
        width_px: int,
        height_px: int,
        fps: Fraction,
        sound: bool,
        burst: int = 1 << 16,
        chapter: int = 0,
    ) -> None:
        self.fps = fps
        self.pictures = 0
        self.bytes = 0
        self._target = target
        self._shape = Shape(width_px, height_px, "fill")
        self._form, self._encoder = form, form.encoder
        # Pictures that stand alone are chapters already.
        self._chapter = 0 if form.encoder.alone else chapter
        self._reformatter = VideoReformatter()
        self._last: Any = None
        # Of an encoder whose pictures stand alone: what came out of it, and how often each picture is to be shown.
        self._packets: deque[Any] = deque()
        self._owed: deque[int] = deque()
        self._placed = 0
        self._samples = 0
        container = form.container
        self._counted = _Counted(target, self)
        self._container: Any = av.open(
            self._counted, "w", format=container.name, options=dict(container.options), buffer_size=burst
        )
        try:
            self._add_streams(width_px & ~1, height_px & ~1, sound=sound)
            self._container.start_encoding()  # the first bytes
        except BaseException:
            self.abandon()
            raise

    def _add_streams(self, width_px: int, height_px: int, *, sound: bool) -> None:
        form, library = self._form, self._encoder.library
        try:
            self._video = self._container.add_stream(library, rate=self.fps)
            _set_up(self._video.codec_context, form, width_px, height_px, self.fps)
            self._context = self._video.codec_context
            self._context.open()
        except (av.FFmpegError, UnknownCodecError) as err:  # the latter where this build of ffmpeg lacks it
            raise ConfigError(
                f"{library} cannot encode {width_px}x{height_px} px here ({err}); choose another codec or size"
            ) from err
        if sound:
            self._audio: Any = self._container.add_stream(form.container.sound, rate=SOUND_RATE_HZ, layout="mono")
            self._audio.codec_context.bit_rate = _SOUND_BITS_PER_S

    def add_picture(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Add the next picture: (height, width, 3), RGB."""
        if pixels.shape[:2] != (self._shape.height_px, self._shape.width_px):
            pixels = shaped(pixels, self._shape)
        even = np.ascontiguousarray(pixels[: pixels.shape[0] & ~1, : pixels.shape[1] & ~1])
        self._last = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(even, format="rgb24"),
            format=self._encoder.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        self._encode_last()

    def add_encoded(self, data: bytes, *, key: bool) -> None:
        """Add the next picture as it was encoded into a film of the same form; `key`: it stands on its own.

        Only before all others, and whole chapters of them.
        """
        self._mux_picture(data, self.pictures, key=key)
        self.pictures += 1
        self._placed += 1

    def repeat(self, times: int) -> None:
        """Add the last picture again, so many times."""
        if self._encoder.alone:
            self.pictures += times
            self._owed[-1] += times
            return
        for _ in range(times):
            self._encode_last()

    def leave_out(self, times: int) -> None:
        """Leave so many places empty: the last picture is shown for longer, and nothing is encoded."""
        if self._encoder.alone:
            self.repeat(times)
        else:
            self.pictures += times

    def add_sound(self, samples: Samples) -> None:
        """Add the next samples: (n,) float32 at SOUND_RATE_HZ."""
        if samples.size == 0:
            return
        if self._audio.codec_context.name == "aac":
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        else:
            frame = av.AudioFrame.from_ndarray(np.round(samples * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = SOUND_RATE_HZ
        frame.pts, frame.time_base = self._samples, Fraction(1, SOUND_RATE_HZ)
        self._samples += samples.size
        self._mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Write what the encoders still hold, and complete the file. May raise FILM_ERRORS; call `abandon` then."""
        if self._last is not None:
            self._take(self._context.encode(None))
            self._place(0)
        if self._samples:
            self._mux(self._audio.encode(None))
        self._container.close()
        self._target.close()

    def abandon(self) -> None:
        """Let go of everything, whatever is still missing: what was written stays."""
        with contextlib.suppress(*FILM_ERRORS):
            self._container.close()
        with contextlib.suppress(OSError):
            self._target.close()

    def _encode_last(self) -> None:
        if self._chapter and self.pictures and self.pictures % self._chapter == 0:
            self._begin_chapter()
        self._last.pts, self._last.time_base = self.pictures, 1 / self.fps
        self.pictures += 1
        if self._encoder.alone:
            self._owed.append(1)
        self._take(self._context.encode(self._last))

    def _begin_chapter(self) -> None:
        """Have an encoder that knows nothing take over from here."""
        former = self._context
        self._take(former.encode(None))
        self._context = av.CodecContext.create(self._encoder.library, "w")
        _set_up(self._context, self._form, former.width, former.height, self.fps)
        self._context.flags = former.flags  # among them: where the parameters of the stream are put
        self._context.open()

    def _take(self, packets: list[Any]) -> None:
        """Take encoded pictures."""
        if self._encoder.alone:
            self._packets += packets
            self._place(1)
            return
        for packet in packets:
            packet.stream = self._video
        self._mux(packets)

    def _place(self, kept: int) -> None:
        """Put encoded pictures into the file, each as often as it is shown, but for the newest: it may be repeated."""
        while self._packets and len(self._owed) > kept:
            data = bytes(self._packets.popleft())
            for _ in range(self._owed.popleft()):
                self._mux_picture(data, self._placed, key=True)
                self._placed += 1

    def _mux_picture(self, data: bytes, place: int, *, key: bool) -> None:
        packet = av.Packet(data)
        packet.stream, packet.time_base, packet.duration = self._video, 1 / self.fps, 1
        packet.pts = packet.dts = place
        packet.is_keyframe = key
        self._container.mux(packet)
        self._counted.commit()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # AAC begins with 21 ms of nothing before time 0. Not every player heeds the notes that say so, and in
            # fragments it would shift the pictures: left out, sound and pictures begin together.
            if packet.pts is None or packet.pts >= 0:
                self._container.mux(packet)
                self._counted.commit()


class _Counted:
    """A target whose bytes are counted. It has `seek` only if the target has.

    After a write that failed it takes no more, for what completes a file overwrites its beginning; and a file is cut
    back to where it was whole, so that it plays to its end.
    """

    def __init__(self, target: Any, film: Film) -> None:
        self._target, self._film = target, film
        self._failed: OSError | None = None
        self._whole = 0
        self.name = getattr(target, "name", "film")
        if hasattr(target, "seek"):
            self.seek, self.tell = target.seek, target.tell

    def write(self, data: bytes) -> int:
        """Write all of it."""
        if self._failed:
            raise self._failed
        try:
            self._target.write(data)
        except OSError as err:
            self._failed = err
            if hasattr(self._target, "truncate"):
                self._target.truncate(self._whole)
            raise
        self._film.bytes += len(data)
        return len(data)

    def commit(self) -> None:
        """Note that what was written so far is whole: a number of complete fragments."""
        if hasattr(self._target, "truncate") and not self._failed:
            self._whole = self._target.tell()


def works(encoder: Encoder) -> bool:
    """Tell whether an encoder can be had on this machine; for those that need a GPU that takes a moment."""
    try:
        context: Any = av.CodecContext.create(encoder.library, "w")
        context.width, context.height = _TRIAL_PX
        context.pix_fmt, context.time_base = encoder.pixel_format, Fraction(1, 30)
        context.options = dict(encoder.options)
        context.open()
    except (av.FFmpegError, UnknownCodecError):  # the latter where this build of ffmpeg lacks it
        return False
    return True


def _set_up(context: Any, form: FilmForm, width_px: int, height_px: int, fps: Fraction) -> None:
    context.width, context.height = width_px, height_px
    context.pix_fmt = form.encoder.pixel_format
    context.time_base = 1 / fps
    context.gop_size = max(1, round(form.keyframe_s * fps))
    context.thread_count = threads_for(width_px, height_px, float(fps))
    context.options = form.options()
    if form.bit_rate:
        context.bit_rate = form.bit_rate
    if form.encoder.tag and form.container.name in ("mp4", "mov"):
        context.codec_tag = form.encoder.tag
    # The colours of HD television, and said so.
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
