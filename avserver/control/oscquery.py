"""OscQuery: shows programs what can be turned, and where (github.com/Vidvox/OSCQueryProposal).

A client finds the show by itself (zeroconf), reads the whole tree as JSON over HTTP, turns knobs by OSC over UDP or
over a WebSocket, and hears changes of what it listens to. All of it lives in a thread of its own.
"""

import socket
from collections.abc import Callable, Mapping, Sequence

from avserver.addresses import bound_socket, refuse_exposed
from avserver.control.desk import Command
from avserver.control.events import EventQueue
from avserver.control.osc_intake import OscIntake
from avserver.control.oscquery_listener import OscQueryListener
from avserver.control.oscquery_tree import OscQueryTree
from avserver.control.params import Value
from avserver.signals import Signals
from avserver.web_thread import WebServing, WebThread

# To take back the announcement takes three packets, an eighth of a second apart (RFC 6762).
_CLOSING_S = 2.0


class OscQuery:
    """Serves from its construction until `close`.

    Args:
        host, port: to listen on (port 0: a free one).
        osc: (host, port) of OSC, as bound.
        parameters: as plain data, as `Param.to_plain` returns it.
        commands: further addresses, and what they do.
        values: asked, from the web thread, for where the knobs stand; what it returns must not change any more.
        queue: takes events.
        announced: whether the network is told.
        insecure: allow a host that other machines reach, where anybody may turn everything.

    Attributes:
        address: (host, port) as bound.

    Raises AddressInUse if somebody has the port, ConfigError if the address is not one to listen on, or one that other
    machines reach without `insecure`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        osc: tuple[str, int],
        parameters: Sequence[Mapping[str, object]],
        commands: Mapping[str, Command],
        values: Callable[[], Mapping[str, Value]],
        queue: EventQueue,
        announced: bool = True,
        insecure: bool = False,
    ) -> None:
        refuse_exposed(host, insecure, name="OSCQuery", section="oscquery", why="anybody may turn everything")
        self._commands = {address: (command.types, command.description) for address, command in commands.items()}
        self._host = host
        self._osc = osc
        self._values = values
        self._intake = OscIntake(queue)
        self._put = queue.put
        self._announced = announced
        self._tree = self._planted(parameters)
        self._take: Callable[[OscQueryTree], None] | None = None
        listener = bound_socket(
            host, port, socket.SOCK_STREAM, name="OSCQuery", choose="--oscquery-port or [oscquery] port"
        )
        self.address: tuple[str, int] = listener.getsockname()[:2]
        self._thread = WebThread("oscquery", self._site)
        self._thread.start(listener)

    @property
    def url(self) -> str:
        """Where to look."""
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def close(self) -> None:
        """Stop serving, hang up on everybody and take the announcement back. A second call does nothing."""
        self._thread.stop(_CLOSING_S)

    def describe(self, parameters: Sequence[Mapping[str, object]]) -> None:
        """Take other parameters, as plain data; listeners are told what has changed."""
        self._tree = self._planted(parameters)
        if self._take is not None:
            self._thread.call_soon(self._take, self._tree)

    def observe(self, signals: Signals, values: Mapping[str, Value]) -> None:
        """Do nothing: listeners hear of knobs, not of what signals make of them."""

    def _planted(self, parameters: Sequence[Mapping[str, object]]) -> OscQueryTree:
        defaults = {str(param["address"]): param["default"] for param in parameters}
        # In the moment in which another table is taken, a knob may be there in one of the two only.
        return OscQueryTree(parameters, self._commands, lambda at: self._values().get(at, defaults[at]))

    def _site(self) -> WebServing:
        # Imported here, half a second that the show does not wait for.
        from avserver.control.oscquery_announcement import Announcement  # noqa: PLC0415
        from avserver.control.oscquery_site import OscQuerySite  # noqa: PLC0415

        name = f"avserver {self.address[1]} on {socket.gethostname()}"
        announcement = Announcement(name, oscquery=self.address, osc=self._osc) if self._announced else None

        def listener(host: str) -> OscQueryListener:
            return OscQueryListener(
                host, tree=lambda: self._tree, intake=self._intake, put=self._put, call_soon=self._thread.call_soon
            )

        site = OscQuerySite(
            name=name, host=self._host, osc=self._osc, tree=self._tree, listener=listener, announcement=announcement
        )
        self._take = site.take
        site.tree = self._tree  # another may have come meanwhile
        return site
