"""WebPreview: the output that is a web page. It lives in a thread of its own, which the show never waits for."""

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence

from avserver.addresses import bound_socket, is_loopback, outside_name
from avserver.frame import Frame
from avserver.outputs.output import Output
from avserver.outputs.web.audience import Audience
from avserver.signals import Signals
from avserver.web_thread import WebServing, WebThread


class WebPreview(Output):
    """Serves the page from `open` to `close`.

    What viewers turn becomes events, like what OSC clients turn, and they are told of changes in the same way.

    Args:
        host: to listen on.
        port: to listen on (0: a free one).
        describe: the parameters as plain data: address, kind, default, minimum, maximum, unit, description.
        values: asked, from the web thread, for where the knobs stand; what it returns must not change any more.
        put: takes events, from the web thread.
        token: what a visitor must know. Without one nobody need know anything, unless other machines reach the host:
            then one is made up.

    Attributes:
        address: (host, port), as bound once open.

    `open` raises AddressInUse if somebody has the port.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        describe: Sequence[Mapping[str, object]],
        values: Callable[[], Mapping[str, object]],
        put: Callable[..., None],
        token: str = "",
    ) -> None:
        super().__init__("preview")
        self._token = token or ("" if is_loopback(host) else secrets.token_urlsafe(16))
        self.address = (host, port)
        self._thread = WebThread("web", self._site)
        self._audience = Audience(describe=describe, values=values, put=put, call_soon=self._thread.call_soon)

    @property
    def url(self) -> str:
        """Where to look; with the token, so not for logs."""
        return self._url("")

    @property
    def stage_url(self) -> str:
        """Where the picture is shown alone, for a projector; with the token."""
        return self._url("stage")

    def _url(self, page: str) -> str:
        host, port = outside_name(self.address[0]), self.address[1]
        token = f"?token={self._token}" if self._token else ""
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/{page}{token}"

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
        self.address = (self.address[0], listener.getsockname()[1])
        self._thread.start(listener)

    def _send(self, frame: Frame) -> None:
        if self._thread.ended:
            raise BrokenPipeError("the web server has ended")
        self._audience.frame = frame
        if len(self._audience):
            self._thread.call_soon(self._audience.wake)

    def _close(self) -> None:
        self._thread.stop()

    def _status(self) -> Mapping[str, int]:
        return {"viewers": len(self._audience)}

    def _site(self) -> WebServing:
        # Imported here, a third of a second that the show does not wait for.
        from avserver.outputs.web.site import Server  # noqa: PLC0415

        return Server(self._audience, host=self.address[0], token=self._token)
