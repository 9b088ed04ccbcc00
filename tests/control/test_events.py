"""The queue between control threads and the engine's."""

import math
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
    queue.put(event("/in_time", NOW_S - 0.1))  # its time has passed, but not its frame
    assert names(queue.drain(NOW_S)) == ["/in_time"]
    assert queue.late == 0
    queue.put(event("/late", NOW_S - 0.1))
    assert names(queue.drain(NOW_S + 1)) == ["/late"]
    assert queue.late == 1


KNOBS = {"/a", "/b"}


def said(address: str, value: object, sender: str = "ann") -> Event:
    return Event(address, (value,), sender, lambda *_: None)


def outcome(events: list[Event]) -> list[tuple[str, object, str]]:
    return [(each.address, each.arguments[0], each.sender) for each in events]


def test_of_a_fader_only_the_newest_value_is_kept():
    queue = EventQueue(KNOBS.__contains__)
    for value in range(QUEUE_LENGTH + 100):
        queue.put(said("/a", value / 1000))
    queue.put(said("/b", 1))
    queue.put(said("/a", 7, "bob"))
    queue.put(said("/a", 2.5))
    assert outcome(queue.drain(NOW_S)) == [("/b", 1, "ann"), ("/a", 7, "bob"), ("/a", 2.5, "ann")]
    assert (queue.coalesced, queue.dropped) == (QUEUE_LENGTH + 100, 0)
    queue.put(said("/a", 3))
    assert outcome(queue.drain(NOW_S)) == [("/a", 3, "ann")]


def test_what_is_more_than_a_number_is_kept_and_no_number_passes_it():
    queue = EventQueue(KNOBS.__contains__)
    step = Event("/a", ("+", 1), "ann", lambda *_: None)
    ask = Event("/a", (), "ann", lambda *_: None)
    story = [
        said("/a", 1),
        said("/trigger", 1),
        said("/trigger", 1),
        said("/a", 2),
        step,
        step,
        said("/a", math.nan),
        ask,
    ]
    for each in story:
        queue.put(each)
    assert queue.drain(NOW_S) == story
    assert queue.coalesced == 0


def test_a_bundle_gives_way_only_as_a_whole():
    queue = EventQueue(KNOBS.__contains__)
    queue.put(said("/a", 1), said("/b", 1))
    queue.put(said("/a", 2), said("/trigger", 2))
    queue.put(said("/a", 3), said("/b", 3))
    queue.put(said("/a", 4))
    queue.put(said("/a", 5), said("/b", 5))
    assert [(address, value) for address, value, _ in outcome(queue.drain(NOW_S))] == [
        ("/a", 1), ("/b", 1), ("/a", 2), ("/trigger", 2), ("/a", 4), ("/a", 5), ("/b", 5)
    ]  # fmt: skip
    assert queue.coalesced == 2


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["/a", "/b", "/reset"]), st.integers(0, 3)), min_size=1, max_size=3).flatmap(
            lambda turns: st.sampled_from(["ann", "bob"]).map(lambda sender: (sender, turns))
        ),
        max_size=20,
    )
)
def test_coalescing_leaves_every_knob_where_all_events_would(packets):
    def end_of(events: list[Event]) -> dict[str, object]:
        knobs: dict[str, object] = {}
        for each in events:
            if each.address == "/reset":
                knobs.clear()
            else:
                knobs[each.address] = (each.arguments[0], each.sender)
        return knobs

    queue, everything = EventQueue(KNOBS.__contains__), EventQueue()
    for sender, turns in packets:
        for each in (queue, everything):
            each.put(*(said(address, value, sender) for address, value in turns))
    assert end_of(queue.drain(NOW_S)) == end_of(everything.drain(NOW_S))


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
