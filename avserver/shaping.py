"""Shaping: a picture made to have the size, and the order of bytes, that an output wants."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from avserver.frame import Frame
from avserver.shape import Shape

# Outputs have threads of their own already, and the worker wants the other cores.
cv2.setNumThreads(1)

Pixels = npt.NDArray[np.uint8]


class Shaper:
    """Makes frames have a shape. Bicubic where they get larger, area averages where they get smaller."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._last: tuple[Pixels, Pixels] | None = None

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame in that shape; a repeated frame costs nothing."""
        if self._last is None or self._last[0] is not frame.pixels:
            self._last = (frame.pixels, shaped(frame.pixels, self._shape))
        return dataclasses.replace(frame, pixels=self._last[1])


def shaped(pixels: Pixels, shape: Shape) -> Pixels:
    """Return pixels (h, w, 3) as (shape.height_px, shape.width_px, 3)."""
    height, width, _ = pixels.shape
    across, down = shape.width_px / width, shape.height_px / height
    if shape.fit == "fill" or across == down:
        return _resized(pixels, shape.width_px, shape.height_px)
    if shape.fit == "crop":
        scale = max(across, down)
        kept_width = min(width, max(1, round(shape.width_px / scale)))
        kept_height = min(height, max(1, round(shape.height_px / scale)))
        left, top = (width - kept_width) // 2, (height - kept_height) // 2
        kept = pixels[top : top + kept_height, left : left + kept_width]
        return _resized(kept, shape.width_px, shape.height_px)
    scale = min(across, down)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.zeros((shape.height_px, shape.width_px, 3), np.uint8)
    left, top = (shape.width_px - inner_width) // 2, (shape.height_px - inner_height) // 2
    canvas[top : top + inner_height, left : left + inner_width] = _resized(pixels, inner_width, inner_height)
    return canvas


def with_alpha(pixels: Pixels, order: str, out: Pixels | None = None) -> Pixels:
    """Return pixels (h, w, 3), RGB, as (h, w, 4): order `RGBA` or `BGRA`, alpha 255; in `out` if given, else new."""
    code = {"RGBA": cv2.COLOR_RGB2RGBA, "BGRA": cv2.COLOR_RGB2BGRA}[order]
    return _bytes(cv2.cvtColor(pixels, code, dst=out))


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    whole = np.ascontiguousarray(pixels)
    if whole.shape[:2] == (height, width):
        return whole
    smaller = width < whole.shape[1] and height < whole.shape[0]
    return _bytes(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def _bytes(pixels: Any) -> Pixels:
    """Tell the type of what OpenCV made of bytes: bytes."""
    converted: Pixels = pixels
    return converted
