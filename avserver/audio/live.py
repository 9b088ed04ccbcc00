"""LiveSource: sound that arrives by itself, kept together with show time."""

from abc import abstractmethod

import numpy as np

from avserver.audio.source import AudioSource, Samples

Status = dict[str, str | float | int]

# How far (s) the sound that has arrived may be from what is due. Beyond FAR_S it is put right at once; so it is beyond
# OFF_S where that lasts (SMOOTHING_S). Between CLOSE_S and OFF_S it is led back by SLIP, so that the clock of a sound
# card, which is off by 0.01 %, never makes a gap. Blocks of 20 ms, as networks bring them, are well within CLOSE_S.
FAR_S = 0.1
OFF_S = 0.03
CLOSE_S = 0.012
SMOOTHING_S = 1.0
# A share of the samples: 1/500 is a pitch off by 3 cents for a while.
SLIP = 1 / 500


class LiveSource(AudioSource):
    """Samples with the show time at which they arrived.

    The first read is the start: what came earlier is forgotten. From then on sound and show time run side by side, but
    they have different clocks, and devices go away. The policy:

    - What has arrived is returned, the rest of what is due comes with a later read.
    - Silence stands in for what is missing by more than FAR_S, and at once while nothing arrives at all. Sound that
      comes back after that is heard at once, at the time at which it came.
    - Of what waits longer than FAR_S the oldest is dropped.
    - A clock that drifts is followed by leaving out, or putting in, one sample in 500.

    So sound is never late by more than FAR_S, and nothing grows. Silence and dropped sound are counted.

    A backend writes `_fetch`, `_forget` and `_close`.

    Attributes:
        silence: samples that were put in after the first sound had come.
        dropped: samples that were left out because they came too fast.
        gaps: how often silence had to be put in.
        returns: how often sound came back after it had been away.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__(sample_rate)
        self.silence = self.dropped = self.gaps = self.returns = 0
        self._begin()

    @property
    def state(self) -> str:
        """`waiting` for the first sound, `playing`, or `away`."""
        if not self._heard:
            return "waiting"
        return "away" if self._away else "playing"

    def status(self) -> Status:
        """Return how it is doing, by name; times in s and ms."""
        return {
            "state": self.state,
            "silence_s": round(self.silence / self.sample_rate, 3),
            "dropped_s": round(self.dropped / self.sample_rate, 3),
            "gaps": self.gaps,
            "returns": self.returns,
            "ahead_ms": round(1e3 * self._ahead / self.sample_rate, 1),
        }

    def _begin(self) -> None:
        self._begun = False
        self._heard = False
        self._away = True
        self._waiting = np.zeros(0, np.float32)
        self._ahead = 0.0

    def _restart(self) -> None:
        self._begin()

    def _read(self, count: int) -> Samples:
        now_s = (self.samples_read + count) / self.sample_rate
        if not self._begun:
            self._forget()
            self._begun = True
        arrived = self._fetch(now_s)
        if arrived.size and self._away:
            self._join(arrived, count)
        elif arrived.size:
            self._waiting = np.concatenate([self._waiting, self._led_back(arrived)])
        self._keep_together(count)
        block, self._waiting = self._waiting[:count], self._waiting[count:].copy()
        return block

    def _join(self, arrived: Samples, count: int) -> None:
        """Begin, or go on after an absence: the newest sample that arrived is the newest that is due."""
        if self._heard:
            self.returns += 1
        self._waiting = arrived[-count:]
        self._put_in(count - self._waiting.size)
        self._heard, self._away = True, False
        self._ahead = 0.0

    def _led_back(self, arrived: Samples) -> Samples:
        """Return the block a little shorter or longer if the device's clock has drifted away from ours."""
        if abs(self._ahead) < CLOSE_S * self.sample_rate:
            return arrived
        size = arrived.size - int(np.sign(self._ahead)) * max(1, round(SLIP * arrived.size))
        if size < 1:
            return arrived
        places = np.linspace(0, arrived.size - 1, size)
        return np.interp(places, np.arange(arrived.size), arrived).astype(np.float32)

    def _keep_together(self, count: int) -> None:
        """Put right what is too far from the `count` samples that are due."""
        rate = self.sample_rate
        ahead = self._waiting.size - count
        if self._away:
            self._put_in(count)
            return
        self._ahead += (ahead - self._ahead) * min(1.0, count / (SMOOTHING_S * rate))
        if abs(ahead) > FAR_S * rate:
            off = ahead
        elif abs(self._ahead) > OFF_S * rate:
            off = round(self._ahead)
        else:
            return
        self._ahead = 0.0
        if off > 0:
            off = min(off, self._waiting.size)
            self.dropped += off
            self._waiting = self._waiting[off:]
        else:
            # Nothing at all for so long: whoever brought it is gone.
            self._away = self._waiting.size == 0
            self.gaps += 1
            self._put_in(-off)

    def _put_in(self, count: int) -> None:
        """Let silence stand in before what waits."""
        if count > 0:
            self.silence += count if self._heard else 0
            self._waiting = np.concatenate([np.zeros(count, np.float32), self._waiting])

    @abstractmethod
    def _fetch(self, now_s: float) -> Samples:
        """Return what has arrived since the last call, mono at our rate; never blocks. `now_s` is show time (s)."""

    @abstractmethod
    def _forget(self) -> None:
        """Leave what has arrived so far."""
