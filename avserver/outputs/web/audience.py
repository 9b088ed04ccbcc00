"""The audience: everybody who looks at the web page, and what they are sent. Lives in the web thread.

Server to viewer: binary messages are JPEG pictures, one in flight at a time; text messages are JSON:

    {"type": "hello", "parameters": [{"address": …, "kind": …, …}, …], "values": {address: value, …}}
    {"type": "parameters", "parameters": …, "values": …}     when the table has changed
    {"type": "state", "signals": {…}, "onsets": [[stem, band, strength], …], "frame": {…}, "status": {if new},
     "values": {what changed}, "moved": {what modulation made of the knobs}, "answers": [{address, arguments}, …]}

Projectors are sent pictures, and twenty times a second `{"type": "here"}`, by which they notice that a network is gone.

Viewer to server: `{"seen": true}` for every picture, and `{"address": "/noise/strength", "arguments": [0.5]}`, which
does what the OSC message would. Addresses are those of the table: as in OSC, but without `/avserver`.
"""

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Protocol

from avserver.control.events import ROOT, Event
from avserver.frame import Frame
from avserver.outputs.web.message import plain_signals, to_json
from avserver.signals import Signals

MAX_VIEWERS = 32
# Viewers turn knobs; nothing they have to say is longer.
MAX_MESSAGE_BYTES = 16_384
_MAX_ARGUMENTS = 16
# Faster than the eye follows a curve, and little to send; the status changes more slowly.
_STATE_PERIOD_S = 0.05
_STATUS_EVERY = 5
# Answers kept for a viewer that reads slowly, and onsets while nobody asks for them.
_KEPT_ANSWERS = 32
_KEPT_ONSETS = 256


Encode = Callable[[Frame], bytes]


class Wire(Protocol):
    """A WebSocket, as far as it is needed here."""

    async def send(self, message: str | bytes) -> bool:
        """Send a text or binary message, waiting while the viewer does not read; False once the viewer has left."""

    async def receive(self) -> str | None:
        """Wait for a text message; None once the viewer has left."""


class Viewer:
    """One open page: what it has yet to be sent."""

    def __init__(self, number: int) -> None:
        self.sender = ("web", number)
        self.awake = asyncio.Event()
        self.state: dict[str, object] | None = None
        self.status: object = None
        self.values: dict[str, object] = {}
        self.answers: deque[dict[str, object]] = deque(maxlen=_KEPT_ANSWERS)
        self.picture: object = None
        self.picture_in_flight = False

    def take_state(self) -> dict[str, object] | None:
        """Return the newest state with what has come up for this viewer alone, once; and the status if it is new."""
        state, self.state = self.state, None
        if state is not None:
            state = {**state, "values": self.values, "answers": list(self.answers)}
            if state["status"] is self.status:
                del state["status"]
            else:
                self.status = state["status"]
            self.values = {}
            self.answers.clear()
        return state


class Audience:
    """Sends pictures and states to all viewers and makes events of what they say.

    Args:
        describe: the parameters as plain data.
        values: returns where the knobs stand.
        put: takes events.
        call_soon: has the web thread call a function; used by answers, which come from the engine's thread.

    Attributes:
        frame: the newest; set from any thread, then `wake` is called in the web thread.
    """

    def __init__(
        self,
        *,
        describe: Sequence[Mapping[str, object]],
        values: Callable[[], Mapping[str, object]],
        put: Callable[..., None],
        call_soon: Callable[..., object],
    ) -> None:
        self.frame: Frame | None = None
        self.describe(describe)
        self._values = values
        self._put = put
        self._call_soon = call_soon
        self._viewers: set[Viewer] = set()
        self._numbers = itertools.count(1)
        self._heard: tuple[Signals, Mapping[str, object]] | None = None
        self._onsets: deque[tuple[str, str, float]] = deque(maxlen=_KEPT_ONSETS)
        self._status: dict[object, object] = {}
        self._encoded: tuple[object, bytes] = (None, b"")

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def full(self) -> bool:
        """Whether there is no room for another viewer."""
        return len(self) >= MAX_VIEWERS

    def describe(self, parameters: Sequence[Mapping[str, object]]) -> None:
        """Take other parameters, which viewers are told of at their next state. Called from any thread."""
        self._addresses = {parameter["address"] for parameter in parameters}
        self._parameters = parameters

    def observe(self, signals: Signals, worth: Mapping[str, object]) -> None:
        """Take note of what a frame was decided on. Called from the engine's thread."""
        self._heard = (signals, worth)
        self._onsets.extend((onset.stem, onset.band, round(onset.strength, 3)) for onset in signals.onsets)

    def wake(self) -> None:
        """Have every viewer looked after: there is something new."""
        for viewer in self._viewers:
            viewer.awake.set()

    async def attend(self, wire: Wire, encode: Encode) -> None:
        """Serve one viewer until it leaves."""
        viewer = Viewer(next(self._numbers))
        # In this order: from the answer to /sync on, no change is missed.
        self._put(self._event(viewer, "/notify", 1), self._event(viewer, "/sync", 0))
        try:
            await self._serve(viewer, wire, self._write(viewer, wire, encode), self._listen)
        finally:
            self._put(self._event(viewer, "/notify", 0))

    async def show(self, wire: Wire, encode: Encode) -> None:
        """Serve one that wants pictures only, and has no say, until it leaves."""
        viewer = Viewer(next(self._numbers))
        await self._serve(viewer, wire, self._project(viewer, wire, encode), self._acknowledge)

    async def _serve(
        self,
        viewer: Viewer,
        wire: Wire,
        writing: Coroutine[object, object, None],
        listen: Callable[[Viewer, str], object],
    ) -> None:
        self._viewers.add(viewer)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(writing)
                while (text := await wire.receive()) is not None:
                    listen(viewer, text)
                writer.cancel()
        finally:
            self._viewers.discard(viewer)

    async def tell(self) -> None:
        """Give every viewer the newest state, 20 times a second, for ever."""
        for turn in itertools.count():
            await asyncio.sleep(_STATE_PERIOD_S)
            onsets = [self._onsets.popleft() for _ in range(len(self._onsets))]
            if not self._viewers:
                continue
            if turn % _STATUS_EVERY == 0:
                self._put(Event("/status", (), ("web", 0), self._answer_to_all))
            state = self._state(onsets)
            for viewer in self._viewers:
                viewer.state = state
            self.wake()

    async def _write(self, viewer: Viewer, wire: Wire, encode: Encode) -> None:
        """Send what there is to send; a viewer that does not read keeps only itself waiting."""
        described = self._parameters
        present = await wire.send(self._table("hello"))
        while present:
            await viewer.awake.wait()
            viewer.awake.clear()
            if described is not self._parameters:
                described = self._parameters
                await wire.send(self._table("parameters"))
            state = viewer.take_state()
            if state is not None:
                present = await wire.send(to_json(state))
            present = await self._send_picture(viewer, wire, encode) and present

    async def _project(self, viewer: Viewer, wire: Wire, encode: Encode) -> None:
        """Send pictures."""
        viewer.awake.set()  # for the one that is there already
        present = True
        while present:
            await viewer.awake.wait()
            viewer.awake.clear()
            if viewer.take_state() is not None:
                present = await wire.send('{"type": "here"}')
            present = await self._send_picture(viewer, wire, encode) and present

    async def _send_picture(self, viewer: Viewer, wire: Wire, encode: Encode) -> bool:
        """Send the newest picture, unless the viewer has it or one is on its way; False once the viewer has left."""
        frame = self.frame
        if frame is None or frame.pixels is viewer.picture or viewer.picture_in_flight:
            return True
        viewer.picture, viewer.picture_in_flight = frame.pixels, True
        return await wire.send(self._jpeg(frame, encode))

    def _table(self, kind: str) -> str:
        return to_json({"type": kind, "parameters": self._parameters, "values": dict(self._values())})

    def _jpeg(self, frame: Frame, encode: Encode) -> bytes:
        """Return the picture as a JPEG, encoded once for all viewers."""
        if self._encoded[0] is not frame.pixels:
            self._encoded = (frame.pixels, encode(frame))
        return self._encoded[1]

    def _state(self, onsets: list[tuple[str, str, float]]) -> dict[str, object]:
        state: dict[str, object] = {"type": "state", "status": self._status, "onsets": onsets}
        if self._heard is not None:
            signals, worth = self._heard
            knobs = self._values()
            state["signals"] = plain_signals(signals)
            state["moved"] = {at: value for at, value in worth.items() if at in knobs and value != knobs[at]}
        if self.frame is not None:
            height, width, _ = self.frame.pixels.shape
            state["frame"] = {"width_px": width, "height_px": height, "flags": int(self.frame.flags)}
        return state

    def _listen(self, viewer: Viewer, text: str) -> None:
        """Do what a viewer says, or answer why not."""
        said = self._acknowledge(viewer, text)
        match said:
            case {"seen": True}:
                pass
            case {"address": str(address), "arguments": list(arguments)} if _are_plain(arguments):
                self._put(self._event(viewer, address, *arguments))
            case _:
                reason = f'expected {{"address": "/…", "arguments": […]}}, got {text[:80]!r}'
                viewer.answers.append({"address": "/fail", "arguments": ["", reason]})

    def _acknowledge(self, viewer: Viewer, text: str) -> object:
        """Take note of a picture that was seen; return what a viewer says, None if that is no JSON."""
        try:
            said: object = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(said, dict) and said.get("seen") is True:
            viewer.picture_in_flight = False
            viewer.awake.set()
        return said

    def _event(self, viewer: Viewer, address: str, *arguments: object) -> Event:
        return Event(address, arguments, viewer.sender, partial(self._reply, viewer), received_unix_s=time.time())

    def _reply(self, viewer: Viewer, address: str, *arguments: object) -> None:
        """Take an answer; called from the engine's thread."""
        self._call_soon(self._answer, viewer, address, *arguments)

    def _answer(self, viewer: Viewer, address: str, *arguments: object) -> None:
        """Keep for a viewer what the engine has to say to it."""
        address = address.removeprefix(ROOT)
        if address in self._addresses and len(arguments) == 1:
            viewer.values[address] = arguments[0]
        elif address == "/synced":
            viewer.values.update(self._values())
        else:
            viewer.answers.append({"address": address, "arguments": arguments})

    def _answer_to_all(self, _address: str, *pairs: object) -> None:
        """Keep the status; called from the engine's thread."""
        self._status = dict(zip(pairs[::2], pairs[1::2], strict=True))


def _are_plain(arguments: list[object]) -> bool:
    plain = all(argument is None or isinstance(argument, (bool, int, float, str)) for argument in arguments)
    return plain and len(arguments) <= _MAX_ARGUMENTS
