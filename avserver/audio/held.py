"""HeldBack: sound that is fetched at its time and listened to later."""

import numpy as np

from avserver.audio.source import AudioSource, Samples


class HeldBack(AudioSource):
    """What another source brings, kept until it is read.

    A live source is to be read when its sound arrives; a listener with a delay wants it later.

    Args:
        source: where the sound comes from; this is its only reader, and closes it.
    """

    def __init__(self, source: AudioSource) -> None:
        super().__init__(source.sample_rate)
        self._source = source
        self._kept: list[Samples] = []

    @property
    def ended(self) -> bool:
        """True when the source has ended and all of it has been read."""
        return self._source.ended and not self._kept

    def fetch(self, now_s: float) -> None:
        """Take over what the source has before `now_s` (show time, s)."""
        block = self._source.read(now_s)
        if block.size:
            self._kept.append(block)

    def _seek(self, position_s: float) -> None:
        self._source.seek(position_s)

    def _read(self, count: int) -> Samples:
        kept = np.concatenate(self._kept) if self._kept else np.zeros(0, np.float32)
        self._kept = [kept[count:]] if kept.size > count else []
        return kept[:count]

    def _restart(self) -> None:
        self._kept = []
        self._source.reset()

    def _close(self) -> None:
        self._source.close()
