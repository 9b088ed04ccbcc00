"""The queue between control threads and the engine's."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from avserver.control.events import HORIZON_S, QUEUE_LENGTH, Event, EventQueue

NOW_S = 1_000_000.0


def event(name: str = "/a", due_unix_s: float | None = None) -> Event:
    return Event(name, (1.0,), sender="test", reply=lambda *_: None, due_unix_s=due_unix_s)


def names(events: list[Event]) -> list[str]:
    return [each.address for each in events]


def test_events_come_out_once_and_in_order():
    queue = EventQueue()
    queue.put(event("/1"))
    queue.put(event("/2"), event("/3"))
    assert names(queue.drain(NOW_S)) == ["/1", "/2", "/3"]
    assert queue.drain(NOW_S) == []


def test_timed_ones_wait_for_their_time_and_stay_together():
    queue = EventQueue()
    queue.put(event("/later", NOW_S + 2))
    queue.put(event("/soon", NOW_S + 1), event("/with_it", NOW_S + 1))
    queue.put(event("/now"))
    assert names(queue.drain(NOW_S)) == ["/now"]
    assert names(queue.drain(NOW_S + 1)) == ["/soon", "/with_it"]
    assert names(queue.drain(NOW_S + 10)) == ["/later"]
    assert (queue.late, queue.dropped) == (0, 0)


def test_late_ones_are_executed_at_once_and_counted():
    queue = EventQueue()
    queue.put(event("/late", NOW_S - 0.1))
    assert names(queue.drain(NOW_S)) == ["/late"]
    assert queue.late == 1


@given(st.lists(st.floats(0.0, HORIZON_S - 1), max_size=30))
def test_timed_ones_come_in_the_order_of_their_times(waits_s):
    queue = EventQueue()
    for wait_s in waits_s:
        queue.put(event(due_unix_s=NOW_S + wait_s))
    assert queue.drain(NOW_S - 1) == []
    due = [each.due_unix_s for each in queue.drain(NOW_S + HORIZON_S)]
    assert due == sorted(NOW_S + wait_s for wait_s in waits_s)


def test_a_flood_is_bounded_and_counted_and_leaves_room_afterwards():
    queue = EventQueue()
    for _ in range(QUEUE_LENGTH + 7):
        queue.put(event())
    assert queue.dropped == 7
    assert len(queue.drain(NOW_S)) == QUEUE_LENGTH
    queue.put(event("/after"))
    assert names(queue.drain(NOW_S)) == ["/after"]


def test_what_waits_crowds_out_nothing_that_is_played_now():
    queue = EventQueue()
    for _ in range(2):
        for _ in range(QUEUE_LENGTH):
            queue.put(event("/waits", NOW_S + 30))
        assert queue.drain(NOW_S) == []
    assert queue.dropped == QUEUE_LENGTH
    queue.put(event("/now"))
    assert names(queue.drain(NOW_S)) == ["/now"]
    assert len(queue.drain(NOW_S + 30)) == QUEUE_LENGTH


def test_a_time_past_the_horizon_is_dropped():
    queue = EventQueue()
    queue.put(event("/never", NOW_S + HORIZON_S + 1))
    assert queue.drain(NOW_S) == []
    assert queue.drain(NOW_S + HORIZON_S + 2) == []
    assert queue.dropped == 1


def test_many_threads_put_while_one_drains():
    queue = EventQueue()
    threads = [
        threading.Thread(target=lambda n=n: [queue.put(event(f"/{n}/{i}")) for i in range(500)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    drained: list[Event] = []
    while any(thread.is_alive() for thread in threads):
        drained += queue.drain(NOW_S)
    drained += queue.drain(NOW_S)
    for n in range(4):
        assert [name for name in names(drained) if name.startswith(f"/{n}/")] == [f"/{n}/{i}" for i in range(500)]
