"""The web page in a real browser, and what a browser would not send."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simplejpeg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from avserver.control.events import Event
from avserver.control.params import Kind, ParamTable
from avserver.control.patch_params import bend_params
from avserver.errors import AddressInUse
from avserver.frame import Frame
from avserver.outputs.web.audience import MAX_MESSAGE_BYTES, MAX_VIEWERS
from avserver.outputs.web.preview import WebPreview
from avserver.signals import BANDS
from tests.outputs.fake_show import SIZE_PX, TABLE, FakeShow, picture

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@pytest.fixture
def show() -> Iterator[FakeShow]:
    with FakeShow() as show:
        yield show


def until(condition: Callable[[], object], wait: Callable[[float], object] = time.sleep, limit_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        wait(0.02)


# ---- in a browser ----


@pytest.fixture
def opened(show: FakeShow, page: "Page") -> "Page":
    page.goto(show.preview.url)
    page.locator("body.playing").wait_for()
    return page


def knob(page: "Page", address: str) -> "Locator":
    return page.get_by_label(address, exact=True)


def turn(slider: "Locator", value: float) -> None:
    """Drag a slider to a value, as a hand would: press, move, let go."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    low, high = (float(slider.get_attribute(name) or 0) for name in ("min", "max"))
    x = box["x"] + 8 + (box["width"] - 16) * (value - low) / (high - low)
    y = box["y"] + box["height"] / 2
    mouse = slider.page.mouse
    mouse.move(box["x"] + box["width"] / 2, y)
    mouse.down()
    mouse.move(x, y, steps=5)
    mouse.up()


def says(address: str, *arguments: object) -> Event:
    return Event(address, arguments, "osc client", lambda *_: None)


def shown(slider: "Locator") -> float:
    return float(slider.input_value())


def test_the_picture_moves(opened: "Page") -> None:
    grab = """() => {
        const canvas = document.getElementById("picture");
        return [canvas.width, ...canvas.getContext("2d").getImageData(0, 0, 8, 8).data];
    }"""
    opened.wait_for_function("document.getElementById('picture').width > 1")
    pictures = set()
    for _ in range(10):
        width, *pixels = opened.evaluate(grab)
        assert width == SIZE_PX
        pictures.add(tuple(pixels))
        opened.wait_for_timeout(100)
    assert len(pictures) > 5


def test_the_meters_move_and_the_figures_are_there(opened: "Page") -> None:
    grab = "document.getElementById('meters').toDataURL()"
    meters = set()
    for _ in range(5):
        meters.add(opened.evaluate(grab))
        opened.wait_for_timeout(150)
    assert len(meters) > 2
    assert opened.locator("#fps").text_content() == "30.0"
    assert opened.locator("#tempo").text_content() == "120.0"
    assert opened.locator("#connection").text_content() == "playing"
    assert "a.safetensors → b.safetensors" in (opened.locator("#caption").text_content() or "")


def test_new_parameters_appear_while_the_page_is_open(show: FakeShow, opened: "Page") -> None:
    new = bend_params("late", layer="b8", transform="rotate")
    assert knob(opened, "/bend/late/angle").count() == 0
    show.next_table = ParamTable([*TABLE.values(), *new])
    knob(opened, "/bend/late/angle").wait_for()
    knob(opened, "/bend/late/enable").wait_for()
    turn(knob(opened, "/bend/late/angle"), 90.0)
    until(lambda: show.desk.values["/bend/late/angle"] > 60, opened.wait_for_timeout)


def test_every_parameter_has_its_control(opened: "Page") -> None:
    for address, param in TABLE.items():
        control = knob(opened, address)
        assert control.count() == 1, address
        tag, kind = control.evaluate("element => [element.tagName, element.type]")
        match param.kind:
            case Kind.TRIGGER:
                assert tag == "BUTTON"
            case Kind.BOOL:
                assert kind == "checkbox"
                assert control.is_checked() == param.default
            case _ if param.choices:
                assert tag == "SELECT"
                assert control.locator("option").all_text_contents() == list(param.choices)
                assert shown(control) == param.default
            case _:
                box = param.maximum > 1000 or address == "/preset/morph_s"
                assert kind == ("number" if box else "range")
                assert shown(control) == pytest.approx(param.default, abs=1e-4)


def test_a_slider_turns_a_parameter(show: FakeShow, opened: "Page") -> None:
    slider = knob(opened, "/noise/strength")
    turn(slider, 1.5)
    until(lambda: show.desk.values["/noise/strength"] == pytest.approx(1.5, abs=0.1), opened.wait_for_timeout)
    assert show.desk.values["/noise/strength"] == pytest.approx(shown(slider), abs=1e-3)

    slider.dblclick()
    until(lambda: show.desk.values["/noise/strength"] == 0.5, opened.wait_for_timeout)
    until(lambda: shown(slider) == 0.5, opened.wait_for_timeout)


def test_switch_seed_and_trigger(show: FakeShow, opened: "Page") -> None:
    knob(opened, "/output/freeze").check()
    until(lambda: show.desk.values["/output/freeze"] is True, opened.wait_for_timeout)

    seed = knob(opened, "/choir/melody/seed/3")
    seed.fill("4294967295")
    seed.press("Enter")
    until(lambda: show.desk.values["/choir/melody/seed/3"] == 4294967295, opened.wait_for_timeout)
    seed.fill("99999999999")
    seed.press("Enter")  # more than there is: the box shows what the parameter became
    until(lambda: seed.input_value() == "4294967295", opened.wait_for_timeout)

    knob(opened, "/segment/next").click()
    until(lambda: "/segment/next" in show.fired, opened.wait_for_timeout)
    assert show.desk.failures == 0


def test_a_change_made_elsewhere_moves_the_slider(show: FakeShow, opened: "Page") -> None:
    def osc(address: str, value: float) -> None:
        show.queue.put(Event(address, (value,), "osc client", lambda *_: None))

    osc("/grade/contrast", 1.75)
    until(lambda: shown(knob(opened, "/grade/contrast")) == pytest.approx(1.75), opened.wait_for_timeout)
    osc("/output/blackout", 1)
    until(knob(opened, "/output/blackout").is_checked, opened.wait_for_timeout)

    mark = opened.locator(".knob", has=knob(opened, "/bend/kick_zoom/amount")).locator("b")
    places = set()
    for _ in range(5):
        places.add(mark.evaluate("element => element.style.getPropertyValue('--moved')"))
        opened.wait_for_timeout(100)
    assert len(places) > 2  # modulation moves the mark, not the slider
    assert shown(knob(opened, "/bend/kick_zoom/amount")) == 1.0


def test_panic(show: FakeShow, opened: "Page") -> None:
    turn(knob(opened, "/noise/speed"), 6.0)
    knob(opened, "/output/freeze").check()
    until(lambda: show.desk.values["/output/freeze"] is True, opened.wait_for_timeout)
    opened.get_by_role("button", name="/panic").click()
    until(lambda: dict(show.desk.values) == TABLE.defaults(), opened.wait_for_timeout)
    until(lambda: shown(knob(opened, "/noise/speed")) == 1.0, opened.wait_for_timeout)
    assert not knob(opened, "/output/freeze").is_checked()


def test_a_choice_is_made_by_name(show: FakeShow, opened: "Page") -> None:
    select = knob(opened, "/model/select")
    select.select_option("sea")
    until(lambda: show.desk.values["/model/select"] == 2, opened.wait_for_timeout)
    show.queue.put(says("/model/select", "night"))
    until(lambda: select.input_value() == "1", opened.wait_for_timeout)


def test_the_search_shows_what_has_every_word_and_groups_stay_as_they_were_left(opened: "Page") -> None:
    search, shown_knobs = opened.get_by_label("find a parameter"), opened.locator("#controls .knob:visible")
    assert knob(opened, "/noise/speed").is_visible()
    assert not knob(opened, "/signal/drums/low/gain").is_visible(), "there are many of them"
    opened.keyboard.press("/")
    opened.keyboard.type("GAIN drums")
    assert shown_knobs.count() == len(BANDS)
    assert knob(opened, "/signal/drums/low/gain").is_visible()
    assert (opened.locator("#found").text_content() or "").startswith(f"{len(BANDS)} of ")
    opened.keyboard.press("Escape")
    assert knob(opened, "/noise/speed").is_visible()
    assert not knob(opened, "/signal/drums/low/gain").is_visible()

    opened.get_by_text("signal · drums", exact=True).click()
    opened.get_by_text("noise", exact=True).click()
    opened.reload()
    opened.locator("body.playing").wait_for()
    assert knob(opened, "/signal/drums/low/gain").is_visible()
    assert not knob(opened, "/noise/speed").is_visible()
    search.fill("no such thing")
    assert shown_knobs.count() == 0


def test_presets_are_saved_recalled_and_deleted(show: FakeShow, opened: "Page") -> None:
    name, save = opened.get_by_label("name of a preset"), opened.locator("#preset-save")
    assert save.is_disabled()
    turn(knob(opened, "/noise/speed"), 6.0)
    speed = knob(opened, "/noise/speed")
    until(lambda: show.desk.values["/noise/speed"] == pytest.approx(shown(speed), abs=1e-3), opened.wait_for_timeout)
    saved = show.desk.values["/noise/speed"]
    name.fill("Deep blue")
    save.click()
    chip = opened.get_by_role("button", name="Deep blue", exact=True)
    chip.wait_for()
    assert opened.get_by_role("alert").text_content() == "Deep blue is saved"
    assert save.text_content() == "Overwrite"

    opened.get_by_role("button", name="/panic").click()
    until(lambda: show.desk.values["/noise/speed"] == 1.0, opened.wait_for_timeout)
    opened.locator("#shelf [aria-pressed=false]").wait_for()
    morph = knob(opened, "/preset/morph_s")
    morph.fill("1.5")
    morph.press("Enter")
    until(lambda: show.desk.values["/preset/morph_s"] == 1.5, opened.wait_for_timeout)
    chip.click()
    until(lambda: 1.0 < float(show.desk.values["/noise/speed"]) < saved, opened.wait_for_timeout)
    until(lambda: shown(knob(opened, "/noise/speed")) == pytest.approx(saved, abs=1e-3), opened.wait_for_timeout)
    opened.locator("#shelf [aria-pressed=true]").wait_for()

    delete = opened.locator("#preset-delete")
    delete.click()
    assert delete.text_content() == "Sure?"
    assert show.presets.count == 1
    delete.click()
    until(lambda: chip.count() == 0, opened.wait_for_timeout)


def test_a_preset_that_somebody_else_saves_appears(show: FakeShow, opened: "Page") -> None:
    show.queue.put(says("/preset/save", "theirs"))
    opened.get_by_role("button", name="theirs", exact=True).wait_for()
    opened.get_by_label("name of a preset").fill("../x")
    opened.locator("#preset-save").click()
    opened.get_by_text("a preset's name has").wait_for()


def test_a_locked_show_looks_locked_and_can_be_blacked_out(show: FakeShow, opened: "Page") -> None:
    knob(opened, "/lock").check()
    opened.locator("html.locked").wait_for()
    slider = knob(opened, "/noise/speed")
    before = shown(slider)
    slider.focus()
    opened.keyboard.press("End")
    opened.get_by_text("the show is locked").wait_for()
    until(lambda: shown(slider) == before, opened.wait_for_timeout)
    turn(knob(opened, "/output/opacity"), 0.5)
    knob(opened, "/output/blackout").check()
    until(lambda: show.desk.values["/output/blackout"] is True, opened.wait_for_timeout)
    assert show.desk.values["/output/opacity"] == pytest.approx(0.5, abs=0.05)
    assert show.desk.values["/noise/speed"] == before
    knob(opened, "/lock").uncheck()
    until(lambda: opened.locator("html.locked").count() == 0, opened.wait_for_timeout)


def test_it_comes_back_when_the_server_does(show: FakeShow, opened: "Page") -> None:
    host, port = show.preview.address
    start_s = time.monotonic()
    show.stop()
    assert time.monotonic() - start_s < 1.0
    opened.locator("body.lost").wait_for()
    assert opened.get_by_text("connection lost").first.is_visible()
    with FakeShow(port) as again:
        assert again.preview.address == (host, port)
        again.queue.put(Event("/noise/speed", (5.0,), "osc client", lambda *_: None))
        opened.locator("body.playing").wait_for()
        until(lambda: shown(knob(opened, "/noise/speed")) == 5.0, opened.wait_for_timeout)
        turn(knob(opened, "/noise/speed"), 2.0)
        until(lambda: again.desk.values["/noise/speed"] == pytest.approx(2.0, abs=0.3), opened.wait_for_timeout)


def test_it_comes_back_when_its_own_web_server_has_ended(show: FakeShow, opened: "Page") -> None:
    assert show.preview._thread._serving is not None
    show.preview._thread._serving.stop()
    opened.locator("body.lost").wait_for()
    opened.locator("body.playing").wait_for()
    assert show.preview.status().items() >= {"state": "playing", "restarts": 1}.items()


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (820, 1180), (400, 800)])
def test_nothing_hangs_over_the_edge(show: FakeShow, page: "Page", size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(show.preview.url)
    page.locator("body.playing").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.get_by_role("button", name="/panic").bounding_box()["width"] > 100  # type: ignore[index]


# ---- on the wire ----


def watch(show: FakeShow, origin: str | None = None) -> ClientConnection:
    """Open a viewer's WebSocket; to be used in a `with`."""
    return connect(show.preview.url.replace("http", "ws") + "ws", origin=Origin(origin) if origin else None)


def hear(viewer: ClientConnection, wanted: Callable[[dict], object]) -> dict:  # type: ignore[type-arg]
    """Return the first text message that is wanted; pictures on the way are acknowledged."""
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        message = viewer.recv(timeout=5)
        if isinstance(message, bytes):
            viewer.send('{"seen": true}')
        elif wanted(heard := json.loads(message)):
            return heard
    raise AssertionError("it was not said")


def failed(viewer: ClientConnection) -> str:
    """Return the reason of the next /fail."""
    state = hear(viewer, lambda m: any(a["address"] == "/fail" for a in m.get("answers", [])))
    return next(a["arguments"][1] for a in state["answers"] if a["address"] == "/fail")


def test_pictures_come_one_at_a_time(show: FakeShow) -> None:
    with watch(show) as viewer:

        def pictures(seconds: float) -> list[bytes]:
            got = []
            deadline_s = time.monotonic() + seconds
            while (left_s := deadline_s - time.monotonic()) > 0:
                try:
                    message = viewer.recv(timeout=left_s)
                except TimeoutError:
                    break
                if isinstance(message, bytes):
                    got.append(message)
            return got

        first = pictures(0.5)
        assert len(first) == 1
        assert simplejpeg.decode_jpeg(first[0]).shape == (SIZE_PX, SIZE_PX, 3)
        viewer.send('{"seen": true}')
        [second] = pictures(0.3)
        assert second != first[0]


def test_what_a_viewer_says_wrongly_is_answered(show: FakeShow) -> None:
    with watch(show) as viewer:
        hear(viewer, lambda message: message["type"] == "hello")
        for nonsense in (
            "",
            "{",
            "[" * 5000,
            "7",
            "null",
            '{"address": 7, "arguments": []}',
            '{"address": "/noise/speed"}',
            '{"address": "/noise/speed", "arguments": 1}',
            '{"address": "/noise/speed", "arguments": [[1]]}',
            '{"address": "/noise/speed", "arguments": [' + "1," * 16 + "1]}",
            '{"seen": 1}',
        ):
            viewer.send(nonsense)
            assert failed(viewer).startswith('expected {"address": "/…", "arguments": […]}, got ')
        viewer.send(b"bytes")
        assert failed(viewer)
        for address, argument, reason in (
            ("/noise/sped", "1", "did you mean '/noise/speed'?"),
            ("/noise/speed", '"fast"', "takes a number from 0 to 8, got 'fast'"),
            ("/noise/speed", "NaN", "got nan"),
            ("/noise/speed", "1e999", "got inf"),
            ("/noise/speed", "null", "got None"),
        ):
            viewer.send(f'{{"address": "{address}", "arguments": [{argument}]}}')
            assert reason in failed(viewer)
        viewer.send('{"address": "/noise/speed", "arguments": [' + "9" * 400 + "]}")
        until(lambda: show.desk.values["/noise/speed"] == 8.0)
        viewer.send('{"address": "/sync", "arguments": [1]}')
        hear(viewer, lambda message: message.get("values", {}).get("/noise/speed") == 8.0)


def test_a_message_too_long_ends_that_viewer_alone(show: FakeShow) -> None:
    with watch(show) as other, watch(show) as viewer:
        viewer.send("x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed, match="1009"):
            hear(viewer, lambda _message: False)
        hear(other, lambda message: message["type"] == "state")


def test_a_page_of_somebody_else_is_refused(show: FakeShow) -> None:
    _, port = show.preview.address
    for origin in ("http://evil.example", f"http://127.0.0.1:{port + 1}", "null", "http://localhost"):
        with pytest.raises(InvalidStatus, match="403"):
            watch(show, origin=origin)
    with watch(show, origin=f"http://127.0.0.1:{port}") as viewer:
        hear(viewer, lambda message: message["type"] == "hello")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:99", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.168.1.2", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_a_foreign_name_for_us_is_refused(show: FakeShow, host: str, status: int) -> None:
    for path in ("/", "/ws"):
        connection = http.client.HTTPConnection(*show.preview.address, timeout=5)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        connection.request("GET", path, headers={"Host": host, **(upgrade | key if path == "/ws" else {})})
        expected = {("/ws", 200): 101}.get((path, status), status)
        assert connection.getresponse().status == expected
        connection.close()


def test_other_paths_and_methods_are_refused(show: FakeShow) -> None:
    for method, path, status in (
        ("GET", "/static/../preview.py", 404),
        ("GET", "/%2e%2e/preview.py", 404),
        ("POST", "/", 405),
        ("GET", "/ws", 404),
    ):
        connection = http.client.HTTPConnection(*show.preview.address, timeout=5)
        connection.request(method, path)
        assert connection.getresponse().status == status
        connection.close()


def test_too_many_viewers_are_sent_away(show: FakeShow) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_VIEWERS):
            hear(stack.enter_context(watch(show)), lambda message: message["type"] == "hello")
        with watch(show) as late, pytest.raises(ConnectionClosed, match="too many viewers"):
            late.recv(timeout=5)
    until(lambda: _welcome(show))


def _welcome(show: FakeShow) -> bool:
    """Tell whether there is room for a viewer."""
    with watch(show) as viewer:
        try:
            return isinstance(viewer.recv(timeout=5), str)
        except ConnectionClosed:
            return False


def test_a_viewer_that_stalls_does_not_slow_the_show() -> None:
    """Ten that never read, pictures that do not compress, and send is as quick as with nobody there."""
    preview = WebPreview("127.0.0.1", 0, describe=[], values=dict, put=lambda *_: None)
    noise = [np.random.RandomState(seed).randint(0, 255, (512, 512, 3), np.uint8) for seed in range(4)]
    with preview:
        until(lambda: _status(preview) == 200)
        stalled = [_stalled(preview) for _ in range(10)]
        took_s = []
        for index in range(200):
            start_s = time.perf_counter()
            preview.send(Frame(pixels=noise[index % 4], index=index, t_s=0.0))
            took_s.append(time.perf_counter() - start_s)
            time.sleep(0.005)
        start_s = time.monotonic()
    assert time.monotonic() - start_s < 1.0  # and closing waits for none of them
    assert max(took_s) < 1.0  # nor was any of them waited for
    assert preview.failed == 0
    for viewer in stalled:
        viewer.close()


def _status(preview: WebPreview) -> int:
    connection = http.client.HTTPConnection(*preview.address, timeout=5)
    connection.request("GET", "/")
    status = connection.getresponse().status
    connection.close()
    return status


def _stalled(preview: WebPreview) -> socket.socket:
    """Open a WebSocket and never read from it; it asks for picture after picture all the same."""
    viewer = socket.create_connection(preview.address)
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.sendall(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    text = b'{"seen": true}'
    for _ in range(50):  # masked with zeros
        viewer.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return viewer


def test_a_picture_is_encoded_once_for_all_and_only_if_somebody_looks(
    show: FakeShow, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = simplejpeg.encode_jpeg

    def count(*arguments: object, **options: object) -> object:
        encoded.append(1)
        return encode(*arguments, **options)

    monkeypatch.setattr(simplejpeg, "encode_jpeg", count)
    time.sleep(0.3)
    assert encoded == []
    before = show.frames
    threads = [threading.Thread(target=_look, args=(show, 1.0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 10 < len(encoded) <= show.frames - before + 5


def _look(show: FakeShow, seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    with watch(show) as viewer:
        while time.monotonic() < deadline_s:
            if isinstance(viewer.recv(timeout=5), bytes):
                viewer.send('{"seen": true}')


def test_a_port_in_use_is_told(show: FakeShow) -> None:
    port = show.preview.address[1]
    again = WebPreview("127.0.0.1", port, describe=[], values=dict, put=lambda *_: None)
    with pytest.raises(AddressInUse, match=rf"^preview port {port} on 127\.0\.0\.1 is in use; choose another with"):
        again.open()


def test_closing_at_once_is_quick_and_leaves_no_thread() -> None:
    before = threading.active_count()
    for _ in range(3):
        preview = WebPreview("127.0.0.1", 0, describe=[], values=dict, put=lambda *_: None)
        with preview:
            preview.send(Frame(pixels=picture(0.0), index=0, t_s=0.0))
        with socket.socket() as free:
            free.bind(preview.address)
    assert threading.active_count() == before
