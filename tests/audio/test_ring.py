import multiprocessing
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avserver.audio.ring import Ring, SharedRing


def ring(capacity=1024):
    return Ring(bytearray(Ring.size_for(capacity)))


@given(st.lists(st.one_of(st.integers(0, 400), st.just("take")), max_size=60))
def test_what_is_written_is_taken_once_and_in_order(steps):
    """Of what nobody took in time only the newer half of the ring is left, and the rest is counted."""
    tested, written, expected_next = ring(), 0, 0
    for step in [*steps, "take"]:
        if step == "take":
            taken = tested.take()
            lost = max(0, written - expected_next - 512)
            np.testing.assert_array_equal(taken, np.arange(expected_next + lost, written, dtype=np.float32))
            expected_next = written
        else:
            tested.write(np.arange(written, written + step, dtype=np.float32), 1.5)
            written += step
    assert tested.written == written
    if written:
        assert tested.newest_s == 1.5


def test_what_is_lost_is_counted():
    tested = ring()
    tested.write(np.zeros(700, np.float32), 0.0)
    tested.forget()
    assert tested.take().size == 0
    for _ in range(2):
        tested.write(np.zeros(400, np.float32), 0.0)
    tested.count_xrun()
    assert tested.take().size == 512
    assert (tested.overruns, tested.xruns) == (288, 1)


def count_up(name, blocks):
    shared = SharedRing.attach(name)
    for number in range(blocks):
        shared.write(np.arange(number * 128, (number + 1) * 128, dtype=np.float32), float(number))
        if number % 100 == 0:
            time.sleep(0.002)  # fifty times as fast as a device; at full speed it would lap a reader who has to wait
    shared.close()


def test_a_reader_in_another_process_sees_no_torn_block():
    shared = SharedRing.create(1 << 20)
    writer = multiprocessing.get_context("spawn").Process(target=count_up, args=(shared.name, 20_000))
    writer.start()
    taken = 0
    while writer.is_alive() or shared.written > taken + shared.overruns:
        block = shared.take()
        if block.size:
            start = taken + shared.overruns
            np.testing.assert_array_equal(block, np.arange(start, start + block.size, dtype=np.float32))
            taken += block.size
    writer.join()
    assert taken + shared.overruns == 20_000 * 128
    assert shared.newest_s == 19_999
    shared.close()
