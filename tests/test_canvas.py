from fractions import Fraction

import pytest

from avserver.canvas import SQUARE, canvas_for


@pytest.mark.parametrize(
    ("size", "grid", "drawn"),
    [
        ((512, 512), 4, (256, 256)),
        ((1920, 1080), 4, (448, 256)),
        ((1080, 1920), 4, (256, 448)),
        ((640, 480), 4, (320, 256)),
        ((2048, 858), 4, (640, 256)),
        ((1920, 1080), 16, (448, 256)),
        ((600, 550), 4, (256, 256)),
        ((600, 550), 16, (272, 256)),
        ((8192, 16), 4, (2048, 256)),
    ],
)
def test_the_network_draws_the_shape_of_which_least_is_lost(
    size: tuple[int, int], grid: int, drawn: tuple[int, int]
) -> None:
    assert canvas_for(size, grid, "tile").samples(256) == drawn
    assert canvas_for(size, grid, "off") == SQUARE


def test_margins_do_not_grow() -> None:
    assert canvas_for((1920, 1080), 16, "tile").samples(32, 52) == (56 + 20, 52)


def test_all_rates_of_a_network_grow_by_whole_samples() -> None:
    canvas = canvas_for((1000, 700), 4, "mirror")
    assert canvas.across == Fraction(6, 4)
    assert [canvas.samples(4 * 2**i) for i in range(3)] == [(6, 4), (12, 8), (24, 16)]
