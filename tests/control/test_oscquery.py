"""OSCQuery with a real desk and real sockets: HTTP, WebSocket, UDP, and a zeroconf browser."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin
from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from avserver.control.desk import Command, Desk
from avserver.control.events import EventQueue
from avserver.control.fixed_params import FIXED
from avserver.control.osc import OscServer
from avserver.control.oscquery import OscQuery
from avserver.control.oscquery_announcement import OSC_TYPE, OSCQUERY_TYPE
from avserver.control.oscquery_site import MAX_LISTENERS
from avserver.control.params import Kind, ParamTable
from avserver.control.patch_params import bend_params, choir_params
from avserver.errors import AddressInUse, ConfigError

TABLE = ParamTable(
    [
        *FIXED,
        *choir_params("melody", seeds=(1, 4_294_967_295), layers=(0.0, 0.35), glide_s=1.0),
        *bend_params("kick_zoom", layer="b32", transform="zoom"),
    ]
)


class Show:
    """A desk that is played by a thread, with OSC and OSCQuery."""

    def __init__(self, *, announced: bool = False) -> None:
        self.queue = EventQueue(lambda address: address in self.desk.values)
        self.sought: list[object] = []
        commands = {"/audio/seek": Command(self.sought.extend, "f", "go to a position in the song (s)")}
        self.desk = Desk(TABLE, dict, commands)
        self.osc = OscServer("127.0.0.1", 0, self.queue)
        self.oscquery = OscQuery(
            "127.0.0.1",
            0,
            osc=self.osc.address,
            parameters=[param.to_plain() for param in TABLE.values()],
            commands=commands,
            values=lambda: self.desk.values,
            queue=self.queue,
            announced=announced,
        )
        self.table: ParamTable | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self.oscquery.close()
        self.osc.close()

    def _play(self) -> None:
        while not self._stopped.wait(0.005):
            if self.table is not None:
                self.desk.take(self.table)
                self.oscquery.describe([param.to_plain() for param in self.table.values()])
                self.table = None
            self.desk.apply(self.desk.expand(self.queue.drain(time.time())))

    def get(self, path: str, host: str | None = None) -> tuple[int, object]:
        connection = http.client.HTTPConnection(*self.oscquery.address, timeout=5)
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status == 200:
            assert answer.headers["Content-Type"] == "application/json"
            return 200, json.loads(body)
        return answer.status, None

    def send(self, address: str, *arguments: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(build_msg(f"/avserver{address}", arguments).dgram, self.osc.address)


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    with Show() as show:
        yield show


@pytest.fixture(autouse=True)
def _defaults_again(show: Show) -> Iterator[None]:
    yield
    show.send("/panic")
    show.send("/tempo/source", 0)  # which no panic touches


@pytest.fixture
def listener(show: Show) -> Iterator[ClientConnection]:
    host, port = show.oscquery.address
    with connect(f"ws://{host}:{port}/", open_timeout=10) as listener:
        yield listener


def listen(listener: ClientConnection, address: str, command: str = "LISTEN") -> None:
    listener.send(json.dumps({"COMMAND": command, "DATA": f"/avserver{address}"}))


def heard(listener: ClientConnection) -> tuple[object, ...]:
    packet = listener.recv(timeout=5)
    assert isinstance(packet, bytes)
    message = OscMessage(packet)
    return message.address.removeprefix("/avserver"), *message.params


def until(condition: Callable[[], object], limit_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)


def leaves(node: dict) -> Iterator[dict]:
    if "TYPE" in node:
        yield node
    for name, below in node.get("CONTENTS", {}).items():
        assert below["FULL_PATH"] == f"{node['FULL_PATH'].rstrip('/')}/{name}"
        yield from leaves(below)


# ---- HTTP ----


def test_the_tree_is_the_table(show: Show) -> None:
    _, tree = show.get("/")
    assert (tree["FULL_PATH"], tree["ACCESS"]) == ("/", 0)
    nodes = {node["FULL_PATH"].removeprefix("/avserver"): node for node in leaves(tree)}
    assert set(nodes) == {*TABLE, "/audio/seek"}
    for address, param in TABLE.items():
        node = nodes[address]
        assert node["DESCRIPTION"] == param.description
        assert show.get(f"/avserver{address}") == (200, node)
        if param.kind is Kind.TRIGGER:
            assert (node["TYPE"], node["ACCESS"], "VALUE" in node) == ("N", 2, False)
            continue
        shown = param.choices[int(param.default)] if param.choices else param.default
        assert (node["ACCESS"], node["VALUE"], node["DEFAULT_VALUE"]) == (3, [shown], [shown])
        assert type(node["VALUE"][0]) is type(shown)
        assert show.get(f"/avserver{address}?VALUE") == (200, {"VALUE": [shown]})
        if param.choices:
            assert (node["TYPE"], node["RANGE"]) == ("s", [{"VALS": list(param.choices)}])
        elif param.kind is Kind.BOOL:
            assert (node["TYPE"], "RANGE" in node) == ("T", False)
        else:
            wide = param.maximum >= 2**31
            assert node["TYPE"] == {Kind.FLOAT: "f", Kind.INT: "h" if wide else "i"}[param.kind]
            assert (node["RANGE"], node["CLIPMODE"]) == ([{"MIN": param.minimum, "MAX": param.maximum}], ["both"])
    assert nodes["/audio/seek"] == {
        "FULL_PATH": "/avserver/audio/seek",
        "DESCRIPTION": "go to a position in the song (s)",
        "ACCESS": 2,
        "TYPE": "f",
    }
    assert nodes["/grade/hue"]["UNIT"] == ["angle.degree"]


def test_values_are_those_of_now(show: Show) -> None:
    show.send("/noise/speed", 2.5)
    show.send("/tempo/source", 2)
    until(lambda: show.get("/avserver/tempo/source?VALUE") == (200, {"VALUE": ["midi"]}))
    assert show.get("/avserver/noise/speed?VALUE") == (200, {"VALUE": [2.5]})
    _, node = show.get("/avserver/noise")
    assert node["CONTENTS"]["speed"]["VALUE"] == [2.5]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/avserver/noise/strenght", 404),
        ("/noise/strength", 404),
        ("/avserver/noise/strength/x?VALUE", 404),
        ("/avserver/noise/strength?GABBA", 400),
        ("/avserver/noise/strength?TAGS", 204),  # of the proposal, but not here
        ("/avserver/panic?VALUE", 204),
        ("/avserver/noise?VALUE", 204),
        ("/avserver/noise?CONTENTS", 200),
        ("/avserver/noise/", 200),
        ("/avserver/noise/strength?RANGE", 200),
        ("/%00/%ff?VALUE", 404),
    ],
)
def test_what_is_not_there_is_told_as_the_proposal_says(show: Show, path: str, status: int) -> None:
    assert show.get(path)[0] == status


def test_host_info_tells_where_everything_is(show: Show) -> None:
    for path in ("/?HOST_INFO", "/whatever?HOST_INFO"):
        status, info = show.get(path)
        assert status == 200
        assert (info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"]) == (*show.osc.address, "UDP")
        assert (info["WS_IP"], info["WS_PORT"]) == show.oscquery.address
        assert info["NAME"].startswith("avserver")
        assert info["EXTENSIONS"]["LISTEN"] is True


def test_pages_of_others_get_nothing(show: Show) -> None:
    host, port = show.oscquery.address
    assert show.get("/", host="evil.example:80")[0] == 403
    with pytest.raises(InvalidStatus), connect(f"ws://{host}:{port}/", origin=Origin("http://evil.example")):
        pass


# ---- WebSocket ----


def test_listen_hears_what_is_turned_over_udp_until_it_ignores(show: Show, listener: ClientConnection) -> None:
    for address in ("/noise/speed", "/output/freeze", "/tempo/source", "/segment/select", "/choir/melody/seed/1"):
        listen(listener, address)
    listener.send(build_msg("/avserver/sync", [1]).dgram)
    assert heard(listener) == ("/synced", 1)
    show.send("/noise/strength", 0.25)
    show.send("/noise/speed", 2.5)
    assert heard(listener) == ("/noise/speed", 2.5)
    show.send("/output/freeze", 1)
    assert heard(listener) == ("/output/freeze", True)
    show.send("/tempo/source", 2)
    assert heard(listener) == ("/tempo/source", "midi")
    show.send("/choir/melody/seed/1", 5)
    assert listener.recv(timeout=5) == b"/avserver/choir/melody/seed/1\0\0\0,h\0\0" + (5).to_bytes(8)  # a wide type
    listen(listener, "/noise/speed", "IGNORE")
    listener.send(build_msg("/avserver/sync", [2]).dgram)
    assert heard(listener) == ("/synced", 2)
    show.send("/noise/speed", 3.5)
    show.send("/segment/select", 7)
    assert heard(listener) == ("/segment/select", 7)


def test_binary_messages_are_osc_and_are_not_echoed(show: Show, listener: ClientConnection) -> None:
    listen(listener, "/noise/speed")
    for words in (
        ["/noise/speed", 2.5],
        ["/audio/seek", 9.0],
        ["/nothing"],
        ["/noise/speed"],
        ["/tempo/source", "link"],
    ):
        listener.send(build_msg(f"/avserver{words[0]}", words[1:]).dgram)
    listener.send(b"nonsense")
    listener.send("nonsense")
    listener.send(json.dumps({"COMMAND": "LISTEN", "DATA": ["/avserver"]}))
    assert heard(listener)[:2] == ("/fail", "/avserver/nothing")
    assert heard(listener) == ("/noise/speed", 2.5)  # the answer; its own turn is not told
    assert show.sought == [9.0]
    listener.send(build_msg("/avserver/panic", [None]).dgram)  # a nil, as TYPE says
    assert heard(listener) == ("/noise/speed", 1.0)


def test_another_table_is_told_and_served(show: Show, listener: ClientConnection) -> None:
    listen(listener, "/choir/melody/glide_s")
    listener.send(build_msg("/avserver/sync", [1]).dgram)
    heard(listener)
    loud = replace(TABLE["/noise/speed"], maximum=99.0)
    others = [loud if param.address == loud.address else param for param in FIXED]
    bend = bend_params("kick_zoom", layer="b32", transform="zoom")
    show.table = ParamTable([*others, *bend, *choir_params("new", seeds=(), layers=(0.0, 1.0), glide_s=1.0)])
    told = [json.loads(listener.recv(timeout=5)) for _ in range(13)]
    commands = {(each["COMMAND"], each["DATA"].removeprefix("/avserver")) for each in told}
    assert commands == {
        *(
            ("PATH_REMOVED", f"/choir/melody/{name}")
            for name in ("glide_s", "first", "stop", "next", "reseed", "seed/1", "seed/2")
        ),
        *(("PATH_ADDED", f"/choir/new/{name}") for name in ("glide_s", "first", "stop", "next", "reseed")),
        ("PATH_CHANGED", "/noise/speed"),
    }
    show.table = TABLE
    until(lambda: show.get("/avserver/choir/melody/reseed")[0] == 200)


def test_too_many_listeners_are_turned_away(show: Show) -> None:
    host, port = show.oscquery.address
    with ExitStack() as stack:
        *_, one_more = [stack.enter_context(connect(f"ws://{host}:{port}/")) for _ in range(MAX_LISTENERS + 1)]
        with pytest.raises(ConnectionClosed, match="too many listeners"):
            one_more.recv(timeout=5)


# ---- the network ----


def test_a_browser_finds_it_and_sees_it_leave() -> None:
    found: dict[str, set[str]] = {OSCQUERY_TYPE: set(), OSC_TYPE: set()}

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added:
            found[service_type].add(name)
        elif state_change is ServiceStateChange.Removed:
            found[service_type].discard(name)

    with Zeroconf(interfaces=["127.0.0.1"]) as zeroconf, Show(announced=True) as show:
        browser = ServiceBrowser(zeroconf, list(found), handlers=[changed])
        for service_type, (host, port) in ((OSCQUERY_TYPE, show.oscquery.address), (OSC_TYPE, show.osc.address)):
            name = f"avserver {show.oscquery.address[1]} on {socket.gethostname().replace('.', '-')}.{service_type}"
            until(lambda kind=service_type, name=name: name in found[kind], 30)
            info = zeroconf.get_service_info(service_type, name, timeout=3000)
            assert info is not None
            assert (info.parsed_addresses(), info.port) == ([host], port)
            assert info.properties == {b"txtvers": b"1"}
        show.oscquery.close()
        until(lambda: name not in found[service_type], 30)
        browser.cancel()


def test_without_a_network_it_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def no_network(*_arguments: object, **_settings: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("avserver.control.oscquery_announcement.AsyncZeroconf", no_network)
    with Show(announced=True) as show:
        until(lambda: "OSCQuery is not announced: Network is unreachable" in caplog.text)
        assert show.get("/avserver/noise/speed?VALUE") == (200, {"VALUE": [1.0]})
    assert len(caplog.records) == 1


def test_a_port_in_use_is_told(show: Show) -> None:
    port = show.oscquery.address[1]
    with pytest.raises(AddressInUse, match=f"^OSCQuery port {port} on 127.0.0.1 is in use; choose .*--oscquery-port"):
        OscQuery("127.0.0.1", port, osc=show.osc.address, parameters=(), commands={}, values=dict, queue=show.queue)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "rack.local", "::"])
def test_a_host_that_others_reach_needs_to_be_asked_for(show: Show, host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^OSCQuery on {host} can .* insecure = true in \[oscquery\]$"):
        OscQuery(host, 0, osc=show.osc.address, parameters=(), commands={}, values=dict, queue=show.queue)
