import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.lut_file import read_lut

CUBE = """# a comment
TITLE "two by two"

LUT_3D_SIZE 2
DOMAIN_MIN 0 0 0
DOMAIN_MAX 1 1 2
0 0 0
1 0 0
0 1 0
1 1 0
0 0 1
1 0 1
0 1 1
1.0e0 1 .5
"""


def written(folder, text):
    path = folder / "film.cube"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_cube_is_read_red_first(tmp_path):
    lut = read_lut(written(tmp_path, CUBE))
    assert lut.title == "two by two"
    assert lut.curves is None
    assert lut.cube is not None
    assert lut.cube.values.shape == (2, 2, 2, 3)
    assert lut.cube.values[0, 0, 1].tolist() == [1, 0, 0]
    assert lut.cube.values[1, 0, 0].tolist() == [0, 0, 1]
    assert lut.cube.values[1, 1, 1].tolist() == [1, 1, 0.5]
    assert lut.cube.high.tolist() == [1, 1, 2]


def test_curves_are_read_with_windows_ends_of_line_and_tabs(tmp_path):
    lut = read_lut(written(tmp_path, b"\xef\xbb\xbfLUT_1D_SIZE 3\r\n0\t0 0\r\n-0.5 .5 0.25\r\n1 1 1"))
    assert lut.cube is None
    assert lut.curves is not None
    np.testing.assert_array_equal(lut.curves.values[1], [-0.5, 0.5, 0.25])


def test_resolves_curves_before_a_cube_have_ranges_of_their_own(tmp_path):
    head = "LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE -0.5 2\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\n"
    lut = read_lut(written(tmp_path, head + "0 0 0\n1 1 1\n" + "0.5 0.5 0.5\n" * 8))
    assert lut.curves is not None
    assert lut.cube is not None
    assert (lut.curves.low.tolist(), lut.curves.high.tolist()) == ([-0.5] * 3, [2.0] * 3)
    assert lut.cube.high.tolist() == [1.0] * 3
    assert (lut.cube.values == 0.5).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CUBE.replace("1 1 0\n", "1 one 0\n"), r"line 10: expected 3 numbers, got '1 one 0'"),
        (CUBE.replace("1 1 0\n", "1 1\n"), r"line 10: expected 3 numbers, got '1 1'"),
        (CUBE.replace("1 1 0\n", "1 nan 0\n"), r"line 10: expected 3 numbers, got '1 nan 0'"),
        (CUBE.replace("1 1 0\n", "inf 1 0\n"), r"line 10: expected 3 numbers, got 'inf 1 0'"),
        (CUBE.replace("1 1 0\n", ""), "announce 8 lines of three numbers, got 7"),
        (CUBE + "0 0 0\n", "announce 8 lines of three numbers, got 9"),
        (CUBE.replace("3D_SIZE 2", "3D_SIZE 200"), "line 4: LUT_3D_SIZE is a whole number from 2 to 128, got '200'"),
        (CUBE.replace("3D_SIZE 2", "3D_SIZE"), "line 4: LUT_3D_SIZE is a whole number"),
        (CUBE.replace("LUT_3D", "LUT_4D"), "line 4: 'LUT_4D_SIZE' is not known; known are TITLE, "),
        (CUBE.replace("DOMAIN_MAX 1", "DOMAIN_MAX 0"), "which is no range"),
        (CUBE.replace("LUT_3D_SIZE 2\n", ""), "line 6: LUT_1D_SIZE or LUT_3D_SIZE stands before the numbers"),
        (CUBE + "TITLE late\n", "line 15: TITLE stands before the numbers"),
        ("", "neither LUT_1D_SIZE nor LUT_3D_SIZE"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: "),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as told:
        read_lut(path)
    assert str(told.value).startswith(str(path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.cube cannot be read: No such file"):
        read_lut(tmp_path / "nothing.cube")
