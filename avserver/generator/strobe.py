"""A limiter that keeps a picture from flashing faster than photosensitive people can bear.

WCAG 2.2, success criterion 2.3.1 (and ITU-R BT.1702 in much the same words): no more than three flashes within any
second. A general flash is a pair of opposing changes in relative luminance by 10 % of white or more, where the darker
picture is below 0.80; a red flash is a pair of opposing changes to or from a saturated red. Flashes count if they
fill a quarter of a field of 10 degrees, which is some 341 x 256 px of a picture of 1024 x 768 px.

The picture is watched in 6 x 6 regions, each a quarter of such a field. While a region would flash too often, the
whole picture goes only so far from the last one towards the new one that it does not: it moves on, less brightly.
This looks at what is drawn; it cannot know of a blackout, of a fader that is moved while nothing new is drawn, or of
what is shown beside the picture. It is an aid, not a certificate.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

REGIONS = 6  # a side
SAMPLES = 16  # a side of a region that are looked at; enough for a mean
WINDOW_S = 1.0
MOST_CHANGES = 6  # in a window: three flashes of two changes
DARK = 0.8  # a change between two pictures brighter than this is no general flash
# The changes that count, less a tenth for what lies between the samples: of luminance, and of (R - G - B) * 320 by 20.
CHANGES = np.array([0.1, 20 / 320])[:, None, None] * 0.9
STEPS = 6  # of the search for how far a picture may go: to 1/64

_CODES = np.arange(256) / 255
# sRGB to linear light.
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
LUMA = np.array([0.2126, 0.7152, 0.0722])
RED = np.array([1.0, -1.0, -1.0])


class StrobeLimiter:
    """Looks at every picture of a show, in order, and holds back those that would flash."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the pictures so far."""
        self._shown: Pixels | None = None
        self._t_s = 0.0
        self._flicker = _Flicker()

    def __call__(self, pixels: Pixels, t_s: float) -> Pixels:
        """Return what may be shown at `t_s` (s, show time) in place of pixels (H, W, 3): mostly the same ones.

        When time runs backwards or the size changes, it begins again.
        """
        if self._shown is None or self._shown.shape != pixels.shape or t_s < self._t_s:
            self.reset()
            self._shown = pixels
        allowed = self._toward(self._shown, pixels, t_s)
        self._flicker.note(measure(allowed), t_s)
        self._shown, self._t_s = allowed, t_s
        return allowed

    def _toward(self, shown: Pixels, pixels: Pixels, t_s: float) -> Pixels:
        """Return the picture on the way from what is shown to `pixels` that is nearest to these and may be shown."""
        if self._flicker.allows(measure(pixels), t_s):
            return pixels
        near, far = 0.0, 1.0
        begin, end = _samples(shown), _samples(pixels)
        for _ in range(STEPS):
            share = (near + far) / 2
            if self._flicker.allows(measure(_mixed(begin, end, share)), t_s):
                near = share
            else:
                far = share
        return _mixed(shown, pixels, near)


class _Flicker:
    """Counts the opposing changes of every region, of its luminance and of its red: arrays are (2, REGIONS, REGIONS).

    A change is counted when a level is far enough from the farthest one since the last change.
    """

    def __init__(self) -> None:
        # Before the first picture every direction is open, and nothing has been seen.
        self._highest = np.full((2, REGIONS, REGIONS), -np.inf)
        self._lowest = np.full((2, REGIONS, REGIONS), np.inf)
        self._rising = np.zeros((2, REGIONS, REGIONS), bool)
        self._falling = np.zeros((2, REGIONS, REGIONS), bool)
        self._changes: deque[tuple[float, npt.NDArray[np.bool_]]] = deque()

    def allows(self, levels: Array, t_s: float) -> bool:
        """Return whether a picture of these levels would not be a change too much for any region."""
        recent = [changed for at_s, changed in self._changes if t_s - at_s < WINDOW_S]
        full = np.sum(recent, axis=0) >= MOST_CHANGES if recent else False
        return not np.any((self._turns_up(levels) | self._turns_down(levels)) & full)

    def note(self, levels: Array, t_s: float) -> None:
        """Take note of what is shown at `t_s` (s)."""
        up, down = self._turns_up(levels), self._turns_down(levels)
        while self._changes and t_s - self._changes[0][0] >= WINDOW_S:
            self._changes.popleft()
        if np.any(up | down):
            self._changes.append((t_s, up | down))
        self._rising = (self._rising | up) & ~down
        self._falling = (self._falling | down) & ~up
        # Behind a turn only what comes after it counts.
        self._highest = np.where(up, levels, np.maximum(self._highest, levels))
        self._lowest = np.where(down, levels, np.minimum(self._lowest, levels))

    def _turns_up(self, levels: Array) -> npt.NDArray[np.bool_]:
        low = self._lowest
        return ~self._rising & (levels - low >= CHANGES) & _is_dark(low)

    def _turns_down(self, levels: Array) -> npt.NDArray[np.bool_]:
        return ~self._falling & (self._highest - levels >= CHANGES) & _is_dark(levels)


def measure(pixels: Pixels) -> Array:
    """Return the luminance in [0, 1] and the red of every region of pixels (H, W, 3): (2, REGIONS, REGIONS)."""
    light = LINEAR[_samples(pixels)]
    both = np.stack([light @ LUMA, np.maximum(light @ RED, 0.0)])
    rows, columns = (np.arange(REGIONS) * length // REGIONS for length in both.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(both, rows, axis=1), columns, axis=2)
    counts = [np.diff([*starts, length]) for starts, length in zip((rows, columns), both.shape[1:], strict=True)]
    return sums / np.outer(*counts)


def _is_dark(darker: Array) -> npt.NDArray[np.bool_]:
    """Return where a change counts by its darker picture; for red there is no such condition."""
    dark = darker < DARK
    dark[1] = True
    return dark


def _samples(pixels: Pixels) -> Pixels:
    """Return rows and columns spread evenly over a picture, as many as are looked at."""
    steps = [max(1, length // (REGIONS * SAMPLES)) for length in pixels.shape[:2]]
    return pixels[:: steps[0], :: steps[1]]


def _mixed(begin: Pixels, end: Pixels, share: float) -> Pixels:
    mixed = begin + np.float32(share) * (end.astype(np.float32) - begin)
    return (mixed + np.float32(0.5)).astype(np.uint8)
