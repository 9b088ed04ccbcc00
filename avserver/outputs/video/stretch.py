"""Stretch: a stretch of the show as a film, at a constant rate, with its sound, both placed by show time."""

from collections import deque
from fractions import Fraction

import numpy as np

from avserver.audio.overheard import Overheard
from avserver.audio.resampler import Resampler
from avserver.audio.source import Samples, samples_before
from avserver.frame import Flags, Frame
from avserver.outputs.video.encoding import SOUND_RATE_HZ
from avserver.outputs.video.film import Film

# How far new pictures may lag behind the show before repeated ones stand in for them: longer than any picture takes to
# be drawn, so that what is merely late keeps its place.
AWAY_S = 1.0
# More than that is not made good by encoding the last picture again and again: so much is missing where a machine is
# too slow to encode at all, and the more it made good, the further it would fall behind.
_MADE_GOOD_S = 10.0


def exact_rate(fps: float) -> Fraction:
    """Return a rate as a fraction: 29.97002997 is 30000/1001."""
    return Fraction(fps).limit_denominator(1001)


class Stretch:
    """Puts frames into a film where their show time belongs, and repeats the last one where there is none.

    No picture is moved by what comes late, is left out or comes twice: picture n of the film is what the show showed
    n / fps seconds after the first. Where many seconds are missing the one before is shown for so long. Sound is that
    of the same time, silence where there is none.

    Args:
        film: to be made; `finish` finishes it.
        sound: what is heard, None for a film without.
        frame: the first frame, which is not added yet.
    """

    def __init__(self, film: Film, sound: Overheard | None, frame: Frame) -> None:
        self._film = film
        self._sound = sound
        self._began_s = self._time_of(frame)
        self._lane = Lane(sound, self._began_s) if sound else None

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return float(self._film.pictures / self._film.fps)

    @property
    def bytes(self) -> int:
        """How large it is so far."""
        return self._film.bytes

    def add(self, frame: Frame) -> int:
        """Add what the frame shows, and the sound up to there; return how many pictures were repeated before it."""
        # 1e-6 of a picture is rounding, not time.
        place = int((self._time_of(frame) - self._began_s) * self._film.fps + 1e-6)
        missing = place - self._film.pictures
        if missing < 0:
            return 0
        if self._film.pictures:
            fill = self._film.repeat if missing <= _MADE_GOOD_S * self._film.fps else self._film.leave_out
            fill(missing)
        self._film.add_picture(frame.pixels)
        self._add_sound()
        return missing

    def finish(self) -> None:
        """Complete the film. May raise FILM_ERRORS; then it is abandoned."""
        self._leave()
        try:
            self._add_sound(fill=True)
            self._film.finish()
        except BaseException:
            self._film.abandon()
            raise

    def abandon(self) -> None:
        """Leave the film as it is."""
        self._leave()
        self._film.abandon()

    def _leave(self) -> None:
        if self._lane:
            self._lane.leave()

    def _add_sound(self, *, fill: bool = False) -> None:
        if self._lane:
            self._film.add_sound(self._lane.until(self._began_s + self.seconds, fill=fill))

    def _time_of(self, frame: Frame) -> float:
        """Return the show time of what a frame shows (s): a repeated one is shown later than it was drawn."""
        if Flags.REPEATED in frame.flags and self._sound:
            return max(frame.t_s, self._sound.now_s - AWAY_S)
        return frame.t_s


class Lane:
    """The sound of a stretch: every sample of the show from its beginning on, once, at SOUND_RATE_HZ."""

    def __init__(self, sound: Overheard, began_s: float) -> None:
        self._sound = sound
        self._ear = sound.listen()
        self._rate_hz = sound.sample_rate
        self._at = samples_before(began_s, self._rate_hz)
        self._blocks: deque[tuple[int, Samples]] = deque()
        self._resampler = Resampler(self._rate_hz, SOUND_RATE_HZ)

    def listen(self) -> None:
        """Take over what the ear has heard, so that it may hear more."""
        self._blocks.extend(self._ear.take())

    def until(self, t_s: float, *, fill: bool) -> Samples:
        """Return what is there before `t_s` (show time, s); with `fill`, silence for what has not come.

        Of what will never come any more, because it was lost, silence is returned in any case.
        """
        self.listen()
        end = samples_before(t_s, self._rate_hz)
        parts: list[Samples] = []
        while self._at < end and self._blocks:
            first, block = self._blocks[0]
            part = block[max(0, self._at - first) : max(0, end - first)]
            lost = min(first, end) - self._at
            if lost > 0:
                part = np.zeros(lost, np.float32)
            elif first + block.size <= end:
                self._blocks.popleft()
            parts.append(part)
            self._at += part.size
        if fill and self._at < end:
            parts.append(np.zeros(end - self._at, np.float32))
            self._at = end
        return self._resampler(np.concatenate(parts)) if parts else np.zeros(0, np.float32)

    def leave(self) -> None:
        """Hear nothing more."""
        self.listen()
        self._sound.leave(self._ear)
