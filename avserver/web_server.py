"""WebServer: HTTP and WebSocket for a thread that is not the main one. Takes a while to import.

Web pages of others must not be able to steer a show from inside the browser of whoever runs it. So a request must
name one of our own hosts (else a foreign name that resolves to us would do: DNS rebinding), and a WebSocket must come
from our own page, or from no page at all.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from avserver.addresses import is_loopback


class WebServer:
    """uvicorn around an application, behind a doorkeeper.

    Args:
        app: what is served.
        host: as configured; a request may name it, or any name of the loopback.
        most_bytes: the longest message that a WebSocket may bring.
    """

    def __init__(self, app: ASGIApp, *, host: str, most_bytes: int) -> None:
        self._uvicorn = _QuickServer(
            uvicorn.Config(
                _Doorkeeper(app, host),
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=most_bytes,
                ws_per_message_deflate=False,  # neither pictures nor single numbers get smaller
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
        await self._uvicorn.serve(sockets=listeners)

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
        self._reached = not is_loopback(host)  # by other machines, which may call us by name

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
        if name == self._host or is_loopback(name):
            return True
        return (self._any_ip and _is_ip(name)) or (self._reached and name in _own_names())


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own_names() -> set[str]:
    """Return the names that this machine has in its own network; nobody outside can have them resolve to us."""
    name = socket.gethostname().lower()
    return {name, f"{name}.local"}
