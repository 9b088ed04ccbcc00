"""What subscribers are told of a real output that fails and plays again."""

import time

import numpy as np

from avserver.frame import Frame
from avserver.outputs.herald import Herald
from avserver.outputs.output import Output


class Cable(Output):
    """Fails while it is out."""

    out = False

    def _open(self) -> None:
        pass

    def _send(self, _frame: Frame) -> None:
        if self.out:
            raise OSError("the cable is out")

    def _close(self) -> None:
        pass


def test_a_change_is_told_once() -> None:
    frame = Frame(pixels=np.zeros((2, 2, 3), np.uint8), index=0, t_s=0.0)
    told: list[tuple[object, ...]] = []
    with Cable("wall 2") as cable, Cable("other") as other:
        herald = Herald([cable, other], lambda *words: told.append(words))

        def play(count: int) -> None:
            deadline_s = time.monotonic() + 5
            while len(told) < count:
                assert time.monotonic() < deadline_s
                cable.send(frame)
                other.send(frame)
                time.sleep(0.01)
                herald.observe(None, {})

        herald.observe(None, {})
        assert told == []
        cable.out = True
        play(1)
        cable.out = False
        play(2)
        herald.observe(None, {})
        assert told[0] == ("/output/wall%202/state", "failing", "the cable is out")
        assert told[1] == ("/output/wall%202/state", "playing", "")
        assert len(told) == 2
