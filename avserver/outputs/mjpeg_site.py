"""The MJPEG site: HTTP around a `Showing`. Imported by the web thread only, it takes a while."""

import socket
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from avserver.frame import Frame
from avserver.outputs.showing import Showing
from avserver.web_server import WebServer

MAX_VIEWERS = 32
_BOUNDARY = "frame"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class MjpegSite:
    """The site, for a thread that is not the main one.

    Args:
        showing: what there is to see.
        host: as configured; a request may name it, or any name of the loopback.
    """

    def __init__(self, showing: Showing, *, host: str) -> None:
        # No WebSockets here: no message is too short to refuse.
        self._web = WebServer(_app(showing), host=host, most_bytes=1)

    async def serve(self, listeners: list[socket.socket]) -> None:
        """Serve until `stop`."""
        await self._web.serve(listeners)

    def stop(self) -> None:
        """Have `serve` return soon. Called from any thread."""
        self._web.stop()


def _app(showing: Showing) -> Starlette:
    async def stream(_request: Request) -> Response:
        if showing.viewers >= MAX_VIEWERS:
            return PlainTextResponse("there are too many viewers", 503)
        return StreamingResponse(
            _parts(showing), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}", headers=_HEADERS
        )

    async def picture(_request: Request) -> Response:
        if showing.frame is None:
            return PlainTextResponse("there is no picture yet", 503)
        return Response(showing.jpeg(showing.frame), media_type="image/jpeg", headers=_HEADERS)

    return Starlette(
        routes=[Route("/stream.mjpg", stream, methods=["GET"]), Route("/frame.jpg", picture, methods=["GET"])]
    )


async def _parts(showing: Showing) -> AsyncIterator[bytes]:
    """Yield each picture as a part; who takes one slowly gets the newest next."""
    showing.viewers += 1
    try:
        frame: Frame | None = None
        yield f"--{_BOUNDARY}\r\n".encode()
        while True:
            frame = await showing.after(frame)
            jpeg = showing.jpeg(frame)
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            # The next boundary goes with the picture: browsers show a picture only once that has come.
            yield b"".join((head.encode(), jpeg, f"\r\n--{_BOUNDARY}\r\n".encode()))
    finally:
        showing.viewers -= 1
