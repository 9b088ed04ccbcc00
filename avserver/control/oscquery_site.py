"""OSCQuery over HTTP and WebSocket. Imported by the web thread only, it takes a while."""

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from avserver.control.oscquery_announcement import Announcement
from avserver.control.oscquery_listener import OscQueryListener
from avserver.control.oscquery_tree import ATTRIBUTES, EXTENSIONS, OscQueryTree
from avserver.web_server import WebServer

MAX_LISTENERS = 32
# Clients send single packets; a datagram holds no more either.
_MAX_MESSAGE_BYTES = 65536
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# "Try again later" (WebSocket close codes, IANA).
_FULL = 1013


class OscQuerySite:
    """Serves the tree, and those who listen to it.

    Args:
        name: of the server, for people.
        host: to listen on, as configured.
        osc: (host, port) where OSC is listened for.
        tree: the tree.
        listener: makes a listener of a client's host.
        announcement: that all this is there; None for none.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str,
        osc: tuple[str, int],
        tree: OscQueryTree,
        listener: Callable[[str], OscQueryListener],
        announcement: Announcement | None,
    ) -> None:
        self.tree = tree
        self._name = name
        self._osc = osc
        self._new_listener = listener
        self._announcement = announcement
        self._listeners: set[OscQueryListener] = set()
        routes = [Route("/{path:path}", self._node, methods=["GET"]), WebSocketRoute("/{path:path}", self._attend)]
        self._web = WebServer(Starlette(routes=routes), host=host, most_bytes=_MAX_MESSAGE_BYTES)

    async def serve(self, listeners: list[socket.socket]) -> None:
        """Serve until `stop`."""
        announcing = asyncio.create_task(self._announcement.keep()) if self._announcement else None
        await self._web.serve(listeners)
        if announcing:
            announcing.cancel()
            await asyncio.wait([announcing])

    def stop(self) -> None:
        """Have `serve` return soon. Called from any thread."""
        self._web.stop()

    def take(self, tree: OscQueryTree) -> None:
        """Serve another tree, and tell every listener what is different in it."""
        changes = self.tree.changes(tree)
        self.tree = tree
        for listener in self._listeners:
            for command, path in changes:
                listener.tell(command, path)

    async def _node(self, request: Request) -> Response:
        """Answer a request: a whole node, some of its attributes, or the HOST_INFO."""
        names = [unquote(part.partition("=")[0]) for part in request.url.query.split("&") if part]
        if "HOST_INFO" in names:
            return JSONResponse(self._host_info(request), headers=_HEADERS)
        path = request.scope["path"]
        node = self.tree.describe(path)
        if node is None:
            return Response(f"there is no {path}\n", 404, _HEADERS, "text/plain")
        unknown = [name for name in names if name not in ATTRIBUTES]
        if unknown:
            return Response(f"OSCQuery has no attribute {unknown[0]}\n", 400, _HEADERS, "text/plain")
        if any(name not in node for name in names):
            return Response(None, 204, _HEADERS)
        return JSONResponse({name: node[name] for name in names} if names else node, headers=_HEADERS)

    def _host_info(self, request: Request) -> dict[str, object]:
        host, port = request.scope["server"]
        osc_host, osc_port = self._osc
        anywhere = osc_host in ("0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)
        return {
            "NAME": self._name,
            "EXTENSIONS": EXTENSIONS,
            "OSC_IP": host if anywhere else osc_host,
            "OSC_PORT": osc_port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": host,
            "WS_PORT": port,
        }

    async def _attend(self, websocket: WebSocket) -> None:
        """Serve one WebSocket until it is closed."""
        await websocket.accept()
        if len(self._listeners) >= MAX_LISTENERS:
            await websocket.close(_FULL, "there are too many listeners")
            return
        listener = self._new_listener(websocket.client.host if websocket.client else "")
        self._listeners.add(listener)
        listener.arrive()
        writing = asyncio.create_task(_write(listener, websocket))
        try:
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                if message.get("bytes") is not None:
                    listener.take_packet(message["bytes"])
                else:
                    listener.take_text(message.get("text") or "")
        finally:
            writing.cancel()
            self._listeners.discard(listener)
            listener.leave()


async def _write(listener: OscQueryListener, websocket: WebSocket) -> None:
    """Send what there is to send; a client that does not read keeps only itself waiting."""
    try:
        while True:
            await listener.awake.wait()
            for message in listener.take_waiting():
                kind = "text" if isinstance(message, str) else "bytes"
                await websocket.send({"type": "websocket.send", kind: message})
    except (WebSocketDisconnect, RuntimeError):  # RuntimeError is what uvicorn raises where it has hung up itself
        return
