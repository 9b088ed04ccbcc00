"""MJPEG in a real browser, in a real reader, and with viewers that stall."""

import contextlib
import io
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from avserver.errors import AddressInUse, ConfigError
from avserver.outputs import showing
from avserver.outputs.mjpeg import MjpegOutput
from avserver.outputs.mjpeg_site import MAX_VIEWERS
from avserver.outputs.settings import MjpegSettings
from tests.outputs.films import FPS, SIZE_PX, marked, number_of

if TYPE_CHECKING:
    from playwright.sync_api import Page


@contextmanager
def shown(**settings: object) -> Iterator[MjpegOutput]:
    """Show marked pictures at 30 a second."""
    over = threading.Event()
    with MjpegOutput(MjpegSettings(port=0, **settings), "mjpeg") as output:

        def play() -> None:
            index = 0
            while not over.wait(1 / FPS):
                index += 1
                output.send(marked(index))

        player = threading.Thread(target=play)
        player.start()
        try:
            yield output
        finally:
            over.set()
            player.join()


def get(output: MjpegOutput, path: str, **headers: str) -> bytes:
    url = output.where.replace("/stream.mjpg", path)
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return response.read()


def wait_for_picture(output: MjpegOutput) -> bytes:
    end_s = time.monotonic() + 20
    while True:
        try:
            return get(output, "/frame.jpg")
        except urllib.error.HTTPError:  # 503: there is none yet
            assert time.monotonic() < end_s


def test_the_picture_moves_in_a_browser(page: "Page") -> None:
    with shown() as output:
        wait_for_picture(output)
        page.set_content(f"<img id='show' src='{output.where}'>", wait_until="commit")  # it never ends loading
        page.wait_for_function("document.getElementById('show').naturalWidth > 0")
        seen = set()
        for _ in range(8):
            picture = Image.open(io.BytesIO(page.locator("#show").screenshot())).convert("RGB")
            assert picture.size == (SIZE_PX, SIZE_PX)
            seen.add(number_of(np.asarray(picture)))
            page.wait_for_timeout(100)
    assert len(seen) > 3


def test_a_reader_gets_the_pictures_in_order_and_the_newest_alone() -> None:
    with shown(quality=95) as output:
        first = number_of(np.asarray(Image.open(io.BytesIO(wait_for_picture(output)))))
        with av.open(output.where, timeout=10) as stream:
            frames = stream.decode(video=0)
            numbers = [number_of(next(frames).to_ndarray(format="rgb24")) for _ in range(20)]
    assert numbers == sorted(set(numbers))
    assert first <= numbers[0]
    assert numbers[-1] - numbers[0] < 40


def test_each_picture_is_encoded_once_and_only_for_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[object] = []

    def counted(pixels: np.ndarray, _quality: int) -> bytes:
        encoded.append(pixels)
        return b"jpeg"

    monkeypatch.setattr(showing, "jpeg", counted)
    with shown() as output:
        wait_for_picture(output)
        time.sleep(0.3)
        assert len(encoded) == 1
        viewers = [urllib.request.urlopen(output.where, timeout=10) for _ in range(3)]
        for viewer in viewers:
            viewer.read(2000)
        assert output.status()["viewers"] == 3
        for viewer in viewers:
            viewer.close()
    assert len(encoded) == len({id(pixels) for pixels in encoded})


def test_a_stalled_viewer_holds_nobody_up_and_gets_the_newest() -> None:
    with shown(width_px=1024, height_px=1024, quality=100) as output:
        wait_for_picture(output)
        with socket.create_connection(output.address) as stalled:
            stalled.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{output.address[1]}\r\n\r\n".encode())
            sent = output.sent
            with av.open(output.where, timeout=10) as stream:
                frames = stream.decode(video=0)
                for _ in range(30):
                    next(frames)
            assert output.sent > sent + 15
            assert output.status()["state"] == "playing"


def test_it_serves_again_when_its_web_server_has_ended() -> None:
    with shown() as output:
        wait_for_picture(output)
        address = output.where
        with av.open(address, timeout=10) as stream:
            next(stream.decode(video=0))
            assert output._thread._serving is not None
            output._thread._serving.stop()
            with contextlib.suppress(av.FFmpegError):  # the connection ends in the middle of a picture
                for _ in stream.decode(video=0):
                    pass
        end_s = time.monotonic() + 20
        while output.status()["restarts"] == 0 or output.status()["state"] != "playing":
            assert time.monotonic() < end_s
            time.sleep(0.01)
        assert output.where == address
        with av.open(address, timeout=10) as stream:
            first, second = (frame for frame, _ in zip(stream.decode(video=0), range(2), strict=False))
        assert number_of(first.to_ndarray(format="rgb24")) < number_of(second.to_ndarray(format="rgb24"))


def test_who_is_refused() -> None:
    with pytest.raises(ConfigError, match="insecure = true"):
        MjpegOutput(MjpegSettings(host="0.0.0.0"), "mjpeg")
    MjpegOutput(MjpegSettings(host="0.0.0.0", insecure=True), "mjpeg")
    with shown() as output:
        wait_for_picture(output)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(output, "/frame.jpg", Host="evil.example")
        with pytest.raises(AddressInUse, match="MJPEG port"):
            MjpegOutput(MjpegSettings(port=output.address[1]), "other").open()
        viewers = [urllib.request.urlopen(output.where, timeout=10) for _ in range(MAX_VIEWERS)]
        for viewer in viewers:
            viewer.read(100)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            get(output, "/stream.mjpg")
        for viewer in viewers:
            viewer.close()
