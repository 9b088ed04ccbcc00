import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.shape import Shape
from avserver.shaping import shaped, with_alpha

# Left half red, right half blue; top row of the left half green.
PICTURE = np.zeros((4, 8, 3), np.uint8)
PICTURE[:, :4, 0] = PICTURE[:, 4:, 2] = 200
PICTURE[0, :4] = (0, 200, 0)


def test_crop_keeps_the_middle() -> None:
    assert np.array_equal(shaped(PICTURE, Shape(4, 4, "crop")), PICTURE[:, 2:6])


def test_fit_shows_all_between_bars() -> None:
    picture = shaped(PICTURE, Shape(8, 8, "fit"))
    assert np.array_equal(picture[2:6], PICTURE)
    assert not picture[:2].any()
    assert not picture[6:].any()


def test_fill_stretches() -> None:
    picture = shaped(PICTURE, Shape(4, 4, "fill"))
    assert picture.shape == (4, 4, 3)
    assert (picture[3, 0] == (200, 0, 0)).all()
    assert (picture[3, 3] == (0, 0, 200)).all()


@pytest.mark.parametrize("fit", ["crop", "fit", "fill"])
def test_the_right_size_changes_nothing(fit: str) -> None:
    assert np.array_equal(shaped(PICTURE, Shape(8, 4, fit)), PICTURE)


@pytest.mark.parametrize("fit", ["crop", "fit", "fill"])
@pytest.mark.parametrize("size", [(1, 100), (100, 1), (37, 53)])
def test_every_size_can_be_had(fit: str, size: tuple[int, int]) -> None:
    width, height = size
    assert shaped(PICTURE, Shape(width, height, fit)).shape == (height, width, 3)


def test_alpha() -> None:
    assert with_alpha(PICTURE, "RGBA")[3, 0].tolist() == [200, 0, 0, 255]
    assert with_alpha(PICTURE, "BGRA")[3, 0].tolist() == [0, 0, 200, 255]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 px at least, got 0x4"):
        Shape(0, 4)
    with pytest.raises(ConfigError, match="'cover'"):
        Shape(4, 4, "cover")
