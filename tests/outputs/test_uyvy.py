"""UYVY against its definition, worked out in floating point."""

import numpy as np
import numpy.typing as npt
import pytest

from avserver.outputs.uyvy import UyvyMaker


def exact(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """ITU-R BT.709: E'Y = 0.2126 R + 0.7152 G + 0.0722 B, CB = (B - Y) / 1.8556, CR = (R - Y) / 1.5748."""
    red, green, blue = np.moveaxis(pixels / 255, -1, 0)
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    u, v = 128 + 224 * (blue - y) / 1.8556, 128 + 224 * (red - y) / 1.5748
    packed = np.empty((*pixels.shape[:2], 2))
    packed[:, :, 1] = 16 + 219 * y
    packed[:, 0::2, 0] = (u[:, 0::2] + u[:, 1::2]) / 2
    packed[:, 1::2, 0] = (v[:, 0::2] + v[:, 1::2]) / 2
    return packed


def test_it_is_bt_709() -> None:
    maker, rng = UyvyMaker(), np.random.default_rng(0)
    for shape in ((6, 10, 3), (6, 10, 3), (9, 2, 3)):
        pixels = rng.integers(0, 256, shape, np.uint8)
        made = np.empty((*shape[:2], 2), np.uint8)
        maker(pixels, made)
        np.testing.assert_allclose(made, exact(pixels), atol=1.1)


@pytest.mark.parametrize(("rgb", "yuv"), [((0, 0, 0), (16, 128, 128)), ((255, 255, 255), (235, 128, 128))])
def test_black_and_white_are_those_of_video(rgb: tuple[int, ...], yuv: tuple[int, ...]) -> None:
    made = np.empty((4, 4, 2), np.uint8)
    UyvyMaker()(np.full((4, 4, 3), rgb, np.uint8), made)
    assert (made[0, 0, 1], made[0, 0, 0], made[0, 1, 0]) == yuv
