"""Directions of w: what is turned is moved along, what is not costs nothing."""

from avserver.frame_spec import Direction
from tests.scene.stage import Stage

POSE = '[[direction]]\nname = "pose"\nfrom = "ganspace"\nnumber = 5\nlayers = [0, 0.5]\namount = 2\n'


def test_every_show_has_eight_that_do_nothing_until_they_are_turned():
    stage = Stage("")
    assert stage.frame().directions == ()
    stage.turn("/direction/8/amount", -1.5)
    assert stage.frame().directions == (Direction("sefa", 8, (0, 8), -1.5),)


def test_a_mapping_file_adds_its_own():
    stage = Stage(POSE)
    assert stage.frame().directions == (Direction("ganspace", 5, (0, 4), 2.0),)
    stage.turn("/direction/pose/amount", 0.0)
    stage.turn("/direction/3/amount", 1.0)
    assert stage.frame().directions == (Direction("sefa", 3, (0, 8), 1.0),)


def test_layers_can_be_turned_and_may_be_none():
    stage = Stage(POSE)
    stage.turn("/direction/pose/first", 0.25)
    assert stage.frame().directions == (Direction("ganspace", 5, (2, 4), 2.0),)
    stage.turn("/direction/pose/stop", 0.25)
    assert stage.frame().directions == ()
