"""Chunks: a film cut into pieces that are drawn apart from each other."""

from collections.abc import Sequence

from avserver.frame_spec import FrameSpec

CHUNK_BYTES = 16_000_000  # of pixels: a hundredth of a second to carry, in memory and over a fast network
LONGEST = 32  # frames; small ones cost little to draw, and the last chunk of a film is waited for


def longest(size: tuple[int, int]) -> int:
    """Return how many frames of a size, (width, height) in px, a chunk has at most."""
    width_px, height_px = size
    return max(1, min(LONGEST, CHUNK_BYTES // (width_px * height_px * 3)))


def ends(chunk: Sequence[FrameSpec], following: FrameSpec, most: int) -> bool:
    """Return whether a chunk of a role ends before the spec that follows.

    From half of `most` frames on it does where nothing carries over; a chunk that begins elsewhere has to wait for the
    one before.
    """
    return len(chunk) >= most or (len(chunk) >= (most + 1) // 2 and not following.looks_back(chunk[-1]))
