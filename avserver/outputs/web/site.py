"""The site: HTTP and WebSocket around the audience. Imported by the web thread only, it takes a while."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from avserver.bundled import bundled
from avserver.frame import Frame
from avserver.outputs.jpeg import jpeg
from avserver.outputs.web.audience import MAX_MESSAGE_BYTES, Audience, Encode, Wire
from avserver.outputs.web.gate import Gate
from avserver.outputs.web.policy import headers_of
from avserver.web_server import WebServer

JPEG_QUALITY = 85
_STATIC = Path(__file__).parent / "static"
_PAGES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    **{f"/{script.name}": (script.name, "text/javascript") for script in _STATIC.glob("*.js")},
}
# "Try again later" (WebSocket close codes, IANA).
_FULL = 1013


class Server:
    """The site and whoever looks at it, for a thread that is not the main one.

    Args:
        audience: who is served.
        host: as configured; a request may name it, or any name of the loopback.
        token: that a request must bring, empty for none.
    """

    def __init__(self, audience: Audience, *, host: str, token: str = "") -> None:
        self._audience = audience
        app = _app(audience)
        self._web = WebServer(Gate(app, token) if token else app, host=host, most_bytes=MAX_MESSAGE_BYTES)

    async def serve(self, listeners: list[socket.socket]) -> None:
        """Serve until `stop`."""
        teller = asyncio.create_task(self._audience.tell())
        serving = asyncio.create_task(self._web.serve(listeners))
        await asyncio.wait((teller, serving), return_when=asyncio.FIRST_COMPLETED)
        if teller.done():  # it never ends by itself: show why it did
            self.stop()
            teller.result()
        teller.cancel()
        await serving

    def stop(self) -> None:
        """Have `serve` return soon. Called from any thread."""
        self._web.stop()


class _SocketWire:
    """A Starlette WebSocket as the audience's `Wire`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def send(self, message: str | bytes) -> bool:
        kind = "text" if isinstance(message, str) else "bytes"
        try:
            await self._websocket.send({"type": "websocket.send", kind: message})
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError is what uvicorn raises where it has hung up itself
            return False
        return True

    async def receive(self) -> str | None:
        message = await self._websocket.receive()
        return None if message["type"] == "websocket.disconnect" else message.get("text") or ""


def _app(audience: Audience) -> Starlette:
    def room(attend: Callable[[Wire, Encode], Awaitable[None]]) -> Callable[[WebSocket], Awaitable[None]]:
        async def watch(websocket: WebSocket) -> None:
            await websocket.accept()
            if audience.full:
                await websocket.close(_FULL, "there are too many viewers")
            else:
                await attend(_SocketWire(websocket), _jpeg)

        return watch

    pages = [Route(path, _page(_STATIC / name, kind), methods=["GET"]) for path, (name, kind) in _PAGES.items()]
    stage = Route("/stage", _page(bundled("clients/web", "stage.html"), "text/html"), methods=["GET"])
    sockets = [WebSocketRoute("/ws", room(audience.attend)), WebSocketRoute("/pictures", room(audience.show))]
    return Starlette(routes=[*pages, stage, *sockets])


def _page(file: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = file.read_text(encoding="utf-8")
    headers = headers_of(content if media_type == "text/html" else "")

    async def page(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=headers)

    return page


def _jpeg(frame: Frame) -> bytes:
    return jpeg(frame.pixels, JPEG_QUALITY)
