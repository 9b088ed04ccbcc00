"""The progress bar, on something that says it is a terminal and on something that is none."""

import io

from avserver.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_how_far_and_how_long() -> None:
    terminal, now_s = Terminal(), [0.0]
    with Progress(10, terminal, clock=lambda: now_s[0]) as progress:
        for done in (1, 2, 10):
            now_s[0] = done * 30.0
            progress.show(done, "loss 0.5")
    lines = terminal.getvalue().split("\r")[1:]
    assert [line.split("\x1b")[0] for line in lines] == [
        "###........................... 1/10, 4:30 left  loss 0.5",
        "######........................ 2/10, 4:00 left  loss 0.5",
        "############################## 10/10, 0:00 left  loss 0.5",
    ]
    assert terminal.getvalue().endswith("\n")


def test_it_is_not_drawn_more_often_than_anybody_sees() -> None:
    terminal = Terminal()
    with Progress(1000, terminal, clock=lambda: 0.0) as progress:
        for done in range(1, 1001):
            progress.show(done)
    assert terminal.getvalue().count("\r") == 2  # the first and the last


def test_nothing_is_written_to_a_pipe() -> None:
    pipe = io.StringIO()
    with Progress(2, pipe) as progress:
        progress.show(1)
        progress.show(2)
    assert pipe.getvalue() == ""
