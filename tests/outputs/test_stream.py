"""Streams that are received by a real reader, libav in a process of its own."""

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from avserver.errors import ConfigError
from avserver.outputs.output import OutputState
from avserver.outputs.settings import StreamSettings
from avserver.outputs.video.stream import StreamOutput
from avserver.server_process import free_port
from tests.outputs.films import FPS, Played

# Takes a URL and options, and says the numbers of the first pictures and the loudest sample, as JSON.
_RECEIVER = """
import json, sys
import av
from tests.outputs.films import number_of
url, options, count = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
numbers, loudest = [], 0.0
with av.open(url, options=options, timeout=(20, 20)) as film:
    for frame in film.decode():
        if hasattr(frame, "samples"):
            loudest = max(loudest, float(abs(frame.to_ndarray()).max()))
        else:
            numbers.append(number_of(frame.to_ndarray(format="rgb24")))
        if len(numbers) == count and loudest > 0.2:
            break
print(json.dumps([numbers, loudest]), flush=True)
"""
_QUICK = {"analyzeduration": "500000"}


@contextmanager
def receiver(url: str, *, count: int = 40, **options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _RECEIVER, url, json.dumps({**_QUICK, **options}), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def streaming(url: str, **settings: object) -> Iterator[StreamOutput]:
    """Stream a show of clicks in its own time."""
    show, over = Played([0.25 * i for i in range(240)]), threading.Event()
    with StreamOutput(StreamSettings(url=url, **settings), "stream", sound=show.sound, fps=FPS) as stream:

        def play() -> None:
            while not over.wait(1 / FPS):
                stream.send(show.next())

        player = threading.Thread(target=play)
        player.start()
        try:
            yield stream
        finally:
            over.set()
            player.join()


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def received(process: subprocess.Popen[str]) -> tuple[list[int], float]:
    said, complaints = process.communicate(timeout=40)
    assert said, complaints
    numbers, loudest = json.loads(said)
    return numbers, loudest


def assert_in_order(numbers: list[int]) -> None:
    # Before the first whole picture a decoder may show grey ones.
    steps = [(after - before) % 256 for before, after in pairwise(numbers)][5:]
    assert steps.count(1) >= 0.8 * len(steps), numbers


def test_mpegts_over_udp() -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    with receiver(url) as process, streaming(url) as stream:
        numbers, loudest = received(process)
        assert (stream.state, stream.failed) == (OutputState.PLAYING, 0)
    assert_in_order(numbers)
    assert loudest > 0.2


@pytest.mark.parametrize(
    ("scheme", "options"),
    [("rtmp", {"listen": "1"}), ("rtsp", {"rtsp_flags": "listen", "listen_timeout": "20"})],
)
def test_pushes_reach_a_server_that_comes_late_and_comes_back(scheme: str, options: dict[str, str]) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/live/show"
    with streaming(url) as stream:
        wait_for(lambda: stream.error)
        assert "refused" in stream.error
        for _ in range(2):
            with receiver(url, **options) as process:
                wait_for(lambda: stream.status()["connected"] == 1)
                numbers, loudest = received(process)
            assert_in_order(numbers)
            assert loudest > 0.2
        assert stream.restarts >= 2


def test_nobody_there_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with streaming(f"rtmp://127.0.0.1:{free_port()}/live/show") as stream, caplog.at_level(logging.WARNING):
        wait_for(lambda: stream.restarts >= 3)
        assert stream.state is OutputState.FAILING
    assert ["fails" in record.message for record in caplog.records] == [True], caplog.text


def test_a_server_that_does_not_answer_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_s = time.monotonic()
        with streaming(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/show") as stream:
            ticks = 0
            while time.monotonic() < began_s + 3.0:
                time.sleep(0.01)
                ticks += 1
            assert ticks > 100, "Python stood still"
            assert stream.status()["connected"] == 0
            push = stream._push
        assert push is not None
        assert push._process.poll() is not None, "it was left behind"


@pytest.mark.parametrize(
    "url", ["", "udp://127.0.0.1", "http://127.0.0.1/", "file:///tmp/x", "rtmp:///live", "udp://a:b"]
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot stream to"):
        StreamOutput(StreamSettings(url=url), "stream", sound=None, fps=FPS)


def test_what_is_secret_in_a_url_is_not_shown() -> None:
    stream = StreamOutput(StreamSettings(url="rtmp://me:pass@host.tv:99/live/key"), "stream", sound=None, fps=FPS)
    assert stream.where == "rtmp://host.tv:99 (stream)"
