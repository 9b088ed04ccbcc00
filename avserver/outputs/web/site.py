"""The site: HTTP and WebSocket around the audience. Imported by the web thread only, it takes a while.

Web pages of others must not be able to steer a show from inside the browser of whoever runs it. So a request must
name one of our own hosts (else a foreign name that resolves to us would do: DNS rebinding), and a WebSocket must come
from our own page.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import simplejpeg
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose, WebSocketDisconnect

from avserver.addresses import is_loopback
from avserver.frame import Frame
from avserver.outputs.web.audience import MAX_MESSAGE_BYTES, Audience

JPEG_QUALITY = 85
_STATIC = Path(__file__).parent / "static"
_PAGES = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/controls.js": ("controls.js", "text/javascript"),
    "/groups.js": ("groups.js", "text/javascript"),
    "/presets.js": ("presets.js", "text/javascript"),
    "/meters.js": ("meters.js", "text/javascript"),
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# "Try again later" (WebSocket close codes, IANA).
_FULL = 1013


class Server:
    """uvicorn around the site, for a thread that is not the main one.

    Args:
        audience: who is served.
        host: as configured; a request may name it, or any name of the loopback.
    """

    def __init__(self, audience: Audience, *, host: str) -> None:
        self._audience = audience
        self._uvicorn = _QuickServer(
            uvicorn.Config(
                _Doorkeeper(_app(audience), host),
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # pictures do not get smaller
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    async def serve(self, listeners: list[socket.socket]) -> None:
        """Serve until `stop`."""
        teller = asyncio.create_task(self._audience.tell())
        serving = asyncio.create_task(self._uvicorn.serve(sockets=listeners))
        await asyncio.wait((teller, serving), return_when=asyncio.FIRST_COMPLETED)
        if teller.done():  # it never ends by itself: show why it did
            self.stop()
            teller.result()
        teller.cancel()
        await serving

    def stop(self) -> None:
        """Have `serve` return soon. Called from any thread."""
        self._uvicorn.should_exit = True


class _QuickServer(uvicorn.Server):
    """Does not wait for viewers to read what is still on its way to them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


class _Doorkeeper:
    """Lets in who asks for one of our hosts and, on a WebSocket, comes from our own page or from no page at all."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host.lower()
        self._any_ip = _is_ip(host) and ipaddress.ip_address(host).is_unspecified

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope["type"], Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(reason=refusal)(scope, receive, send)
        else:
            await PlainTextResponse(refusal, 403)(scope, receive, send)

    def _refusal(self, kind: str, headers: Headers) -> str | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return f"expected a Host of this machine, got {', '.join(hosts)}"
        origin = headers.get("origin")
        if kind == "websocket" and origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return f"expected an Origin of {hosts[0]}, got {origin}"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name == self._host or is_loopback(name) or (self._any_ip and _is_ip(name))


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


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
    async def watch(websocket: WebSocket) -> None:
        await websocket.accept()
        if audience.full:
            await websocket.close(_FULL, "there are too many viewers")
        else:
            await audience.attend(_SocketWire(websocket), _jpeg)

    pages = [Route(path, _page(*what), methods=["GET"]) for path, what in _PAGES.items()]
    return Starlette(routes=[*pages, WebSocketRoute("/ws", watch)])


def _page(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (_STATIC / name).read_bytes()

    async def page(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return page


def _jpeg(frame: Frame) -> bytes:
    picture: bytes = simplejpeg.encode_jpeg(
        frame.pixels, quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420"
    )
    return picture
