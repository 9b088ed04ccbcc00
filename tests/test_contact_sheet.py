"""Contact sheets: every picture in its place, and the most different ones."""

import numpy as np
import pytest
from PIL import Image

from avserver.contact_sheet import GAP_PX, LABEL_PX, lay_out, most_different

SIDE = 32


def plain(*colours):
    return [Image.new("RGB", (SIDE, SIDE), colour) for colour in colours]


@pytest.mark.parametrize(("columns", "shape"), [(None, (2, 3)), (2, (3, 2)), (1, (5, 1)), (9, (1, 5))])
def test_pictures_stand_in_rows_with_their_labels_below(columns, shape):
    colours = [(i * 40 + 60, 0, 0) for i in range(5)]
    sheet = np.asarray(lay_out(plain(*colours), [str(i) for i in range(5)], columns=columns))
    rows, across = shape
    height, width = SIDE + LABEL_PX + GAP_PX, SIDE + GAP_PX
    assert sheet.shape == (rows * height + GAP_PX, across * width + GAP_PX, 3)
    for i, colour in enumerate(colours):
        top, left = GAP_PX + i // across * height, GAP_PX + i % across * width
        assert (sheet[top : top + SIDE, left : left + SIDE] == colour).all()
        assert sheet[top + SIDE : top + SIDE + LABEL_PX, left : left + SIDE].max() > 150  # its label


def test_the_most_different_are_kept_and_their_likes_are_not():
    pictures = plain("black", "black", (5, 5, 5), "red", (250, 0, 0), "blue", "white")
    assert sorted(most_different(pictures, 4)) in ([0, 3, 5, 6], [1, 3, 5, 6])
    assert most_different(pictures, 4)[0] == 6  # white stands out among dark ones


def test_pictures_that_are_all_the_same_are_kept_once_each():
    assert sorted(most_different(plain("red", "red", "red"), 3)) == [0, 1, 2]
    assert len(most_different(plain("red", "red", "red"), 5)) == 3
