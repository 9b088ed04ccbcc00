"""WebPreview: the output that is a web page. It lives in a thread of its own, which the show never waits for."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence

from avserver.addresses import bound_socket, is_loopback
from avserver.errors import ConfigError
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.outputs.web.audience import Audience
from avserver.signals import Signals


class WebPreview(Output):
    """Serves the page from `open` to `close`.

    What viewers turn becomes events, like what OSC clients turn, and they are told of changes in the same way.

    Args:
        host: to listen on.
        port: to listen on (0: a free one).
        describe: the parameters as plain data: address, kind, default, minimum, maximum, unit, description.
        values: asked, from the web thread, for where the knobs stand; what it returns must not change any more.
        put: takes events, from the web thread.
        insecure: allow a host that other machines reach, where anybody may turn everything.

    Attributes:
        address: (host, port), as bound once open.

    Raises ConfigError for a host that other machines reach without `insecure`; `open` raises AddressInUse if somebody
    has the port.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        describe: Sequence[Mapping[str, object]],
        values: Callable[[], Mapping[str, object]],
        put: Callable[..., None],
        insecure: bool = False,
    ) -> None:
        super().__init__(f"preview {host}:{port}")
        if not insecure and not is_loopback(host):
            raise ConfigError(
                f"the preview on {host} can be reached by other machines, where anybody may turn everything; "
                "allowed: 127.0.0.1, ::1, localhost"
            )
        self.address = (host, port)
        self._audience = Audience(describe=describe, values=values, put=put, call_soon=self._call_soon)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._stop_serving: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """Where to look."""
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def describe(self, parameters: Sequence[Mapping[str, object]]) -> None:
        """Take other parameters, as plain data; open pages show them instead."""
        self._audience.describe(parameters)

    def observe(self, signals: Signals, values: Mapping[str, object]) -> None:
        """Take note of what a frame was decided on.

        Args:
            signals: what was heard.
            values: what every parameter was worth, modulation included; must not change any more.
        """
        self._audience.observe(signals, values)

    def _open(self) -> None:
        listener = bound_socket(
            *self.address, socket.SOCK_STREAM, name="preview", choose="--preview-port or [preview] port"
        )
        listener.listen()
        self.address = (self.address[0], listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, args=(listener,), name="web", daemon=True)
        self._thread.start()

    def _send(self, frame: Frame) -> None:
        self._audience.frame = frame
        if len(self._audience) and not self._call_soon(self._audience.wake):
            raise BrokenPipeError("the web server has ended")

    def _close(self) -> None:
        assert self._thread is not None
        self._stopping.set()
        if self._stop_serving:
            self._stop_serving()
        self._thread.join(1.0)

    def _call_soon(self, function: Callable[..., None], *arguments: object) -> bool:
        """Have the web thread call a function; return whether there is one. Called from any thread."""
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed meanwhile
            return False
        return True

    def _run(self, listener: socket.socket) -> None:
        with listener:
            asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        # Imported here, a third of a second that the show does not wait for. Browsers queue at the listener meanwhile.
        from avserver.outputs.web.site import Server  # noqa: PLC0415

        server = Server(self._audience, host=self.address[0])
        self._loop = asyncio.get_running_loop()
        self._stop_serving = server.stop
        if not self._stopping.is_set():
            await server.serve([listener])
