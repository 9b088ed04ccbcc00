import threading
from collections.abc import Iterator

import pytest

from avserver.errors import RenderError
from avserver.offline.ahead import Ahead


def test_all_comes_in_order_from_another_thread() -> None:
    def numbers() -> Iterator[tuple[int, str]]:
        for number in range(100):
            yield number, threading.current_thread().name

    with Ahead(numbers(), 3) as ready:
        got = list(ready)
    assert [number for number, _ in got] == list(range(100))
    assert {name for _, name in got} == {"avserver-ahead"}
    assert list(ready) == []


def test_it_works_while_nobody_takes_but_not_without_end() -> None:
    begun, enough = [], threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            if number == 3:
                enough.set()
            yield number

    with Ahead(numbers(), 3) as ready:
        assert enough.wait(30)
        assert next(ready) == 0
    # Left while most are to come: the one in hand is the last.
    assert len(begun) <= 6


def test_what_goes_wrong_comes_in_its_place() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise RenderError("the render worker ended")

    with Ahead(numbers(), 3) as ready:
        assert next(ready) == 1
        for _ in range(2):
            with pytest.raises(RenderError, match="ended"):
                next(ready)
