"""MJPEG: the show at an HTTP address, for anything that shows pictures."""

import socket

from avserver.addresses import bound_socket, refuse_exposed
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.outputs.settings import MjpegSettings
from avserver.outputs.showing import Showing
from avserver.web_thread import WebServing, WebThread


class MjpegOutput(Output):
    """Serves `/stream.mjpg` (multipart/x-mixed-replace) and `/frame.jpg`, the newest picture.

    Each picture is encoded once, if anybody looks. Who is slow skips pictures, and holds nobody up.

    Args:
        settings: see `MjpegSettings`.
        name: see `Output`.

    Raises ConfigError for a host that other machines reach without `insecure`; `open` raises AddressInUse if somebody
    has the port.
    """

    def __init__(self, settings: MjpegSettings, name: str) -> None:
        super().__init__(name, shape=settings.shape, fps=settings.fps)
        refuse_exposed(settings.host, settings.insecure, name="MJPEG", section="[output]", why="anybody may look")
        self.address = (settings.host, settings.port)
        self._quality = settings.quality
        self._showing = Showing(settings.quality)
        self._thread = WebThread(name, self._site)

    @property
    def where(self) -> str:
        """The address."""
        host, port = self.address
        return f"http://[{host}]:{port}/stream.mjpg" if ":" in host else f"http://{host}:{port}/stream.mjpg"

    def _open(self) -> None:
        listener = bound_socket(*self.address, socket.SOCK_STREAM, name="MJPEG", choose="port in its [[output]]")
        self.address = (self.address[0], listener.getsockname()[1])
        self._showing = Showing(self._quality)  # who waited for a picture waited in a loop that is gone
        self._thread.start(listener)

    def _send(self, frame: Frame) -> None:
        if self._thread.ended:
            raise BrokenPipeError("the web server has ended")
        self._showing.frame = frame
        if self._showing.viewers:
            self._thread.call_soon(self._showing.wake)

    def _close(self) -> None:
        self._thread.stop()

    def _status(self) -> dict[str, str | float | int]:
        return {"viewers": self._showing.viewers}

    def _site(self) -> WebServing:
        # Imported here, a third of a second that the show does not wait for.
        from avserver.outputs.mjpeg_site import MjpegSite  # noqa: PLC0415

        return MjpegSite(self._showing, host=self.address[0])
