"""avserver's frames in a Script TOP. Callbacks for TouchDesigner (Python 3.11); README.md says how to set it up.

A thread takes the newest frame, over ZeroMQ or from shared memory, and makes it RGBA with the bottom row first, as
TouchDesigner wants it; a cook only hands it over, and never waits. While the TOP does not cook, nothing is received.
ZeroMQ needs pyzmq; OpenCV, which TouchDesigner brings, makes it faster and is needed for JPEG frames.
"""

import json
import os
import struct
import threading
import time
from collections import deque
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import NamedTuple

import numpy as np
import td

try:
    import cv2
except ImportError:
    cv2 = None
try:
    import zmq
except ImportError:
    zmq = None

PAGE = "Avserver"
# A reader that no cook has asked for so long (s) ends: its TOP is not looked at, was deleted, or got other callbacks.
IDLE_S = 2.0
# Without a frame for so long (s) the operator warns.
QUIET_S = 2.0
# Memory without a new frame for so long (s) may be that of a server that has gone: its name is looked up again.
STALE_S = 0.5
_HEADER = struct.Struct("<4sHHII4sIQdQQII")
_RING = struct.Struct("<4sIIIQ")
_RING_BYTES, _FRAME_AT, _PIXELS_AT = 64, 64, 128
_U64 = struct.Struct("@Q")  # read in one go, unlike "<Q"
_CHANNELS = {b"RGB8": 3, b"RGBA": 4, b"BGRA": 4}


class Settings(NamedTuple):
    """Where frames come from: the memory of that name, or else the ZeroMQ address, with the file of a client's keys."""

    address: str
    memory: str
    keys: str


class Header(NamedTuple):
    """What comes before the pixels of every frame: 64 bytes, little-endian, in this order."""

    magic: bytes
    version: int
    header_size: int
    width_px: int
    height_px: int
    pixel_format: bytes
    row_bytes: int
    index: int
    t_s: float
    published_ns: int
    audio_ns: int
    flags: int
    size_bytes: int


class Buffers:
    """Three pictures: one being drawn, one that waits, one that is shown. Nobody waits, and nobody sees half a one."""

    def __init__(self):
        self._lock = threading.Lock()
        self._drawn, self._waiting, self._shown = (np.zeros((0, 0, 4), np.uint8) for _ in range(3))
        self._fresh = False

    def blank(self, width_px, height_px):
        """Return the picture to draw, uint8 (height, width, 4); made anew only when the size changes."""
        if self._drawn.shape != (height_px, width_px, 4):
            self._drawn = np.empty((height_px, width_px, 4), np.uint8)
        return self._drawn

    def finish(self):
        """Let what was drawn be shown."""
        with self._lock:
            self._drawn, self._waiting = self._waiting, self._drawn
            self._fresh = True

    def take(self):
        """Return what has been finished since the last call, None if nothing was; it stays as it is until the next."""
        with self._lock:
            if not self._fresh:
                return None
            self._waiting, self._shown = self._shown, self._waiting
            self._fresh = False
            return self._shown


class Reader:
    """Reads frames in a thread of its own until `stop`, or until nobody asks any more.

    Attributes:
        problem: why it cannot read, empty if it can.
        header: of the newest frame, None before the first.
        latency_ms: how old the newest frame was when it was ready to be shown, by the clocks of both machines.
    """

    def __init__(self, settings):
        self.settings = settings
        self.problem = ""
        self._failed = False
        self.header = None
        self.latency_ms = 0.0
        self._buffers = Buffers()
        self._came_s = deque(maxlen=30)
        self._began_s = self._asked_s = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="avserver frames", daemon=True)
        self._thread.start()

    @property
    def has_ended(self):
        """Whether it ended because nobody asked; one that failed stays, for its problem to be shown."""
        return not self._thread.is_alive() and not self._failed

    def stop(self):
        """Have it end, soon."""
        self._stopped.set()

    def take(self):
        """Return the newest picture, None if there is none since the last call."""
        self._asked_s = time.monotonic()
        return self._buffers.take()

    @property
    def fps(self):
        """Frames a second, of the last thirty."""
        came_s = list(self._came_s)
        if len(came_s) < 2 or self.quiet_s > 1.0:
            return 0.0
        return (len(came_s) - 1) / max(came_s[-1] - came_s[0], 1e-6)

    @property
    def quiet_s(self):
        """How long no frame has come (s)."""
        came_s = list(self._came_s)
        return time.monotonic() - (came_s[-1] if came_s else self._began_s)

    def _run(self):
        try:
            if self.settings.memory:
                self._read_memory()
            else:
                self._read_zeromq()
        except (ImportError, OSError, ValueError, KeyError, struct.error) as error:
            self.problem, self._failed = f"{type(error).__name__}: {error}", True

    def _wanted(self):
        return not self._stopped.is_set() and time.monotonic() - self._asked_s < IDLE_S

    def _read_zeromq(self):
        if zmq is None:
            raise ImportError("pyzmq is not there: README.md says how to give it to TouchDesigner")
        context = zmq.Context()
        try:
            with _subscriber(context, self.settings) as socket:
                while self._wanted():
                    if socket.poll(100):
                        self._draw(memoryview(socket.recv(copy=False).buffer))
        except zmq.ZMQError as error:
            raise OSError(f"{self.settings.address}: {error}") from error
        finally:
            context.term()

    def _read_memory(self):
        memory, seen, looked_s = None, 0, 0.0
        try:
            while self._wanted():
                now_s = time.monotonic()
                if now_s - looked_s > STALE_S and (memory is None or self.quiet_s > STALE_S):
                    if memory is not None:
                        memory.close()
                    memory, seen, looked_s = _attach(self.settings.memory), 0, now_s
                seen = seen if memory is None else self._look(memory.buf, seen)
                time.sleep(0.002)  # shared memory does not tell when it was written
        finally:
            if memory is not None:
                memory.close()

    def _look(self, ring, seen):
        """Draw the newest frame of a ring if it is not the one seen; return how many have been written to it."""
        _, _, slots, stride, written = _RING.unpack_from(ring)
        if written in (0, seen):
            return seen
        at = _RING_BYTES + (written - 1) % slots * stride
        (before,) = _U64.unpack_from(ring, at)
        if before & 1:  # it is being written
            return seen
        header = Header(*_HEADER.unpack_from(ring, at + _FRAME_AT))
        last = self.header
        if last and (last.index, last.published_ns) == (header.index, header.published_ns):
            return written  # the memory was only looked up again
        whole = self._draw(
            ring[at + _FRAME_AT : at + _PIXELS_AT + header.size_bytes],
            is_whole=lambda: _U64.unpack_from(ring, at)[0] == before,
        )
        return written if whole else seen

    def _draw(self, message, is_whole=lambda: True):
        """Draw a message if it is a frame and, afterwards, still the same; tell whether it was."""
        try:
            header, image = _parse(message)
            to_rgba(header, image, self._buffers.blank(header.width_px, header.height_px))
        except ValueError as error:
            if is_whole():
                self.problem = str(error)
            return False
        if not is_whole():
            return False
        self._buffers.finish()
        self.header, self.problem = header, ""
        self.latency_ms = max(0.0, (time.time_ns() - header.published_ns) / 1e6) if header.published_ns else 0.0
        self._came_s.append(time.monotonic())
        return True


def _subscriber(context, settings):
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.CONFLATE, 1)  # only the newest; without effect if it were set after connect
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.IPV6, 1)
    # A server whose cable was pulled says nothing: without an answer the connection is made anew.
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
    try:
        if settings.keys:
            keys = json.loads(Path(settings.keys).read_text(encoding="ascii"))
            socket.curve_serverkey = keys["server"].encode("ascii")
            socket.curve_publickey = keys["public"].encode("ascii")
            socket.curve_secretkey = keys["secret"].encode("ascii")
        socket.subscribe(b"AVSF")
        socket.connect(settings.address)
    except BaseException:
        socket.close()
        raise
    return socket


def _attach(name):
    """Return the shared memory of that name, None if there is none that is ready."""
    try:
        memory = SharedMemory(name)
    except (FileNotFoundError, ValueError):  # ValueError: it was made a moment ago and is still empty
        return None
    if os.name == "posix":
        # Python would else remove the memory from under the server when TouchDesigner ends.
        resource_tracker.unregister("/" + memory.name, "shared_memory")
    magic, version = _RING.unpack_from(memory.buf)[:2] if memory.size >= _RING_BYTES else (b"", 0)
    if magic == b"AVSR" and version == 1:
        return memory
    memory.close()
    if magic == bytes(4):
        return None
    raise ValueError(f"shared memory {name!r} holds no frames of avserver")


def _parse(message):
    """Return the header of a message and its image as a view: of JPEG the bytes, else uint8 (height, width, channels).

    Raises ValueError if it is no frame.
    """
    if len(message) < _HEADER.size:
        raise ValueError(f"a message of {len(message)} bytes is no frame")
    header = Header(*_HEADER.unpack_from(message))
    payload = np.frombuffer(message, np.uint8, offset=header.header_size)
    if header.magic != b"AVSF" or header.version != 1 or len(payload) != header.size_bytes:
        raise ValueError(f"{header.magic!r} version {header.version} with {len(payload)} bytes is no frame")
    if header.pixel_format == b"JPEG":
        return header, payload
    channels = _CHANNELS.get(header.pixel_format)
    if channels is None:
        raise ValueError(f"pixels {header.pixel_format!r} are not known; known: {[*_CHANNELS, b'JPEG']}")
    rows = payload.reshape(header.height_px, header.row_bytes)[:, : header.width_px * channels]
    return header, rows.reshape(header.height_px, header.width_px, channels)


def to_rgba(header, image, picture):
    """Draw an image into a picture, uint8 (height, width, 4), the bottom row first. Raises ValueError if it cannot."""
    if header.pixel_format == b"RGBA":
        np.copyto(picture, image[::-1])
    elif cv2 is not None:
        conversion = {b"RGB8": cv2.COLOR_RGB2RGBA, b"BGRA": cv2.COLOR_BGRA2RGBA, b"JPEG": cv2.COLOR_BGR2RGBA}
        if header.pixel_format == b"JPEG":
            image = cv2.imdecode(image, cv2.IMREAD_COLOR)
        if image is None or image.shape[:2] != picture.shape[:2]:
            raise ValueError("a JPEG frame cannot be read")
        cv2.cvtColor(image, conversion[header.pixel_format], dst=picture)
        cv2.flip(picture, 0, dst=picture)
    elif header.pixel_format == b"RGB8":
        picture[..., :3] = image[::-1]
        picture[..., 3] = 255
    elif header.pixel_format == b"BGRA":
        picture[...] = image[::-1, :, [2, 1, 0, 3]]
    else:
        raise ValueError("JPEG frames need OpenCV (cv2)")


_readers = {}


def _reader_of(scriptOp):
    """Return the operator's reader, a new one if what is to be read has changed; None while it is not active."""
    par = scriptOp.par
    active = par["Active"] is not None and par.Active.eval()
    reader = _readers.get(scriptOp.id)
    settings = Settings(par.Address.eval(), par.Memory.eval(), par.Keys.eval()) if active else None
    if reader is not None and (reader.settings != settings or reader.has_ended):
        _readers.pop(scriptOp.id).stop()
        reader = None
    if reader is None and settings is not None:
        reader = _readers[scriptOp.id] = Reader(settings)
    return reader


def info(scriptOp):
    """Return numbers about what is shown, by name; script_chop_callbacks.py makes channels of them."""
    reader = _readers.get(scriptOp.id)
    header = reader.header if reader else None
    return {
        "width": header.width_px if header else 0,
        "height": header.height_px if header else 0,
        "fps": reader.fps if reader else 0.0,
        "latency_ms": reader.latency_ms if reader else 0.0,
        "index": header.index if header else 0,
        "flags": header.flags if header else 0,
        "connected": int(header is not None and reader.quiet_s < QUIET_S),
    }


def onSetupParameters(scriptOp):
    """Make the parameters; TouchDesigner calls it when Setup Parameters is pressed."""
    page = scriptOp.appendCustomPage(PAGE)
    made = [
        (page.appendToggle("Active", label="Active"), True),
        (page.appendStr("Address", label="ZeroMQ Address"), "tcp://127.0.0.1:5555"),
        (page.appendStr("Memory", label="or Shared Memory"), ""),
        (page.appendFile("Keys", label="Keys of this Client"), ""),
    ]
    for group, default in made:
        group[0].default = group[0].val = default
    page.appendPulse("Reconnect", label="Reconnect")


def onPulse(par):
    """Begin anew when Reconnect is pressed."""
    if par.name == "Reconnect" and (reader := _readers.pop(par.owner.id, None)) is not None:
        reader.stop()


def onCook(scriptOp):
    """Show the newest frame; without a new one the last one stays."""
    _ = td.absTime.frame  # whoever reads the time is cooked at every frame
    reader = _reader_of(scriptOp)
    if reader is None:
        return
    picture = reader.take()
    if picture is not None:
        scriptOp.copyNumpyArray(picture)
    if reader.problem:
        scriptOp.addError(reader.problem)
    elif reader.quiet_s > QUIET_S:
        source = reader.settings.memory or reader.settings.address
        scriptOp.addWarning(f"no frame from {source} for {reader.quiet_s:.0f} s")


def onGetCookLevel(scriptOp):
    """Have newer builds cook it at every frame while somebody looks at it."""
    return td.CookLevel.WHEN_USED
