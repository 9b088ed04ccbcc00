"""The Node client against a real output: the wire format, read in another language by another library."""

import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avserver.frame import Flags, Frame
from avserver.outputs.keys import read_server_keys, write_new_keys
from avserver.outputs.zeromq import ZeroMqOutput
from tests.conftest import missing

FOLDER = Path(__file__).parents[2] / "clients" / "node"
AUDIO_NS = 1_800_000_000_123_456_789  # more than a double holds


@pytest.fixture(scope="module")
def node() -> str:
    program = shutil.which("node")
    if program is None:
        missing("Node is not installed")
    elif not (FOLDER / "node_modules" / "zeromq").is_dir():
        missing("the npm package zeromq is not installed; make test-programs does that")
    return str(program)


def frame(index: int) -> Frame:
    pixels = np.full((12, 16, 3), index % 256, np.uint8)
    pixels[0, 0] = (1, 2, 3)
    return Frame(pixels=pixels, index=2**40 + index, t_s=index / 100, audio_ns=AUDIO_NS, flags=Flags.REPEATED)


def read(node: str, output: ZeroMqOutput, *arguments: str) -> list[dict[str, Any]]:
    """Return what the client prints while frames are sent."""
    command = [node, str(FOLDER / "frames.mjs"), output.address, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        for index in range(2000):
            output.send(frame(index))
            time.sleep(0.01)
            if client.poll() is not None:
                break
        client.kill()
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stderr.read() == ""
        return [json.loads(line) for line in client.stdout]


def test_rows_arrive_whole(node: str) -> None:
    with ZeroMqOutput("tcp://127.0.0.1:*", pixel_format="BGRA") as output:
        frames = read(node, output, "3")
    assert len(frames) == 3
    for got in frames:
        index = got["index"] - 2**40
        rows = np.dstack([frame(index).pixels[..., ::-1], np.full((12, 16), 255, np.uint8)])
        assert got["sha256"] == hashlib.sha256(rows.tobytes()).hexdigest()
        assert (got["width"], got["height"], got["format"], got["rowBytes"], got["bytes"]) == (16, 12, "BGRA", 64, 768)
        assert (got["time_s"], got["audio_ns"], got["flags"]) == (index / 100, str(AUDIO_NS), 1)
        assert 0 <= time.time_ns() - int(got["published_ns"]) < 60e9


def test_keys_are_understood(node: str, tmp_path: Path) -> None:
    files = write_new_keys("wall", tmp_path)
    with ZeroMqOutput("tcp://127.0.0.1:*", keys=read_server_keys(files.server), pixel_format="JPEG") as output:
        frames = read(node, output, "1", str(files.client))
    assert [(got["format"], got["rowBytes"]) for got in frames] == [("JPEG", 0)]
