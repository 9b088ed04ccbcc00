"""Tempo and beats."""

import aubio
import numpy as np
import numpy.typing as npt

SLOWEST_BPM, FASTEST_BPM = 40.0, 240.0
HOP = 512  # aubio's tracker follows better at this hop than at 256 (beat F .71 against .59 on rendered songs)
# aubio's confidence in the first beat. It finds some tempo in noise and in a steady tone too, at up to 0.11.
SURE = 0.12


class Beats:
    """aubio's beat tracker, and a clock that runs on between its beats.

    The clock is a count of beats with a fraction: aubio's beats set it, its tempo carries it on. A beat that
    aubio misses is counted all the same; one that it finds early or late moves the clock and is counted once.

    Args:
        sample_rate: samples per second (Hz).
        window: samples a spectrum looks at.
        hop: samples between two calls.

    Attributes:
        bpm: quarter notes a minute, 0 until a tempo is known.
    """

    def __init__(self, sample_rate: int, *, window: int = 1024, hop: int = 256) -> None:
        self._rate, self._hop = sample_rate, hop
        self._block = max(HOP, hop)
        window = max(window, self._block)
        self._make = lambda: aubio.tempo("default", window, self._block, sample_rate)
        self.reset()

    def __call__(self, samples: npt.NDArray[np.float32]) -> None:
        """Take one hop."""
        at = self._heard % self._block
        self._newest[at : at + self._hop] = samples
        self._heard += self._hop
        if at + self._hop == self._block and self._tempo(self._newest)[0] > 0:
            self._set()
        elif self.bpm and self._heard / self._rate - self._last_s >= 60 / self.bpm:
            self._last_s += 60 / self.bpm
            self._count += 1

    def beats_until(self, t_s: float) -> float:
        """Return beats since the first, with the fraction of the one that is running; 0 until a tempo is known.

        Args:
            t_s: show time (s), not before the end of the last hop. The clock runs on by less than two beats.
        """
        if not self.bpm:
            return 0.0
        return self._count + min(max(0.0, (t_s - self._last_s) * self.bpm / 60), 1.999)

    def reset(self) -> None:
        """Forget all samples."""
        self._tempo = self._make()
        self._newest = np.zeros(self._block, np.float32)
        self._heard = 0
        self._count = 0
        self._last_s = 0.0
        self.bpm = 0.0

    def _set(self) -> None:
        """Set the clock by the beat that aubio has just found."""
        bpm = float(self._tempo.get_bpm())
        unsure = not self.bpm and self._tempo.get_confidence() < SURE
        if unsure or not SLOWEST_BPM <= bpm <= FASTEST_BPM:
            return
        beat_s = min(self._heard, int(self._tempo.get_last())) / self._rate
        # Less than half a period after the last one it is that same beat, heard again and better.
        if not self.bpm or beat_s - self._last_s > 30 / bpm:
            self._count += 1
        self._last_s = beat_s
        self.bpm = bpm
