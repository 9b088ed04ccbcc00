import numpy as np
import pytest

from avserver.offline.change_points import change_points


def rows(*kinds):
    """Return one unit vector per kind, for so many rows each, a little blurred."""
    blur = np.random.default_rng(1).normal(0, 0.05, (sum(count for _, count in kinds), 4))
    whole = np.concatenate([np.tile(np.eye(4)[kind], (count, 1)) for kind, count in kinds]) + blur
    return whole / np.linalg.norm(whole, axis=1, keepdims=True)


def test_it_cuts_where_the_kind_changes():
    assert change_points(rows((0, 20), (1, 30), (0, 25)), penalty=2, shortest=5) == [20, 50]


def test_what_is_of_one_kind_is_not_cut():
    assert change_points(rows((2, 80)), penalty=2, shortest=5) == []


def test_a_part_shorter_than_what_it_gains_is_not_cut_out():
    features = rows((0, 30), (1, 6), (0, 30))
    assert change_points(features, penalty=2, shortest=3) == [30, 36]
    assert change_points(features, penalty=6, shortest=3) == []
    assert all(abs(cut - 30) > 6 for cut in change_points(features, penalty=2, shortest=20))


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_what_is_too_short_for_two_parts_is_one(count):
    assert change_points(rows((0, count // 2), (1, count - count // 2)), penalty=0.1, shortest=5) == []
