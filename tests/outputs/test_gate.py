"""The web page behind a token: in a real browser, and what a browser would not send."""

import http.client
import logging
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from avserver.outputs.web.preview import WebPreview
from tests.outputs.fake_show import FakeShow

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOKEN = "correct-horse_9"
PATHS = ["/", "/page.js", "/style.css", "/stage", "/nothing"]


@pytest.fixture
def show() -> Iterator[FakeShow]:
    with FakeShow(token=TOKEN) as show:
        yield show


def get(show: FakeShow, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", show.preview.address[1], timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers, text


def cookie(show: FakeShow) -> str:
    _, headers, _ = get(show, f"/?token={TOKEN}")
    return headers["Set-Cookie"].split(";")[0]


def test_without_the_token_there_is_nothing_and_a_way_to_get_it(show: FakeShow) -> None:
    for path in PATHS:
        status, headers, text = get(show, path)
        assert status == 401
        assert "the address that avserver printed" in text
        assert "Set-Cookie" not in headers
        assert TOKEN not in text
    for path in ("ws", "pictures"):
        with pytest.raises(InvalidStatus, match="401"), connect(f"ws://127.0.0.1:{show.preview.address[1]}/{path}"):
            pass


def test_the_cookie_opens_everything_and_scripts_cannot_read_it(show: FakeShow) -> None:
    status, headers, text = get(show, f"/stage?fit=crop&token={TOKEN}")
    assert status == 200
    assert TOKEN not in text
    assert headers["Refresh"] == "0; url=/stage?fit=crop"
    name, *flags = [flag.strip() for flag in headers["Set-Cookie"].split(";")]
    assert name == f"avserver_{show.preview.address[1]}={TOKEN}"
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(flags)
    assert [get(show, path, Cookie=name)[0] for path in PATHS] == [200, 200, 200, 200, 404]
    for path in ("ws", "pictures"):
        address = f"ws://127.0.0.1:{show.preview.address[1]}/{path}"
        with connect(address, additional_headers={"Cookie": name}) as viewer:
            assert viewer.recv(timeout=5)
    with connect(f"ws://127.0.0.1:{show.preview.address[1]}/pictures?token={TOKEN}") as viewer:
        assert viewer.recv(timeout=5)


@pytest.mark.parametrize("wrong", ["x", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "%C3%A4", "%ff%00"])
def test_a_wrong_token_waits(show: FakeShow, wrong: str) -> None:
    start_s = time.monotonic()
    assert get(show, f"/?token={wrong}")[0] == 401
    assert time.monotonic() - start_s > 0.4
    assert get(show, "/", Cookie=f"avserver_{show.preview.address[1]}={wrong}")[0] == 401


def test_only_so_many_guess_at_a_time(show: FakeShow) -> None:
    right = cookie(show)
    guessers = [http.client.HTTPConnection("127.0.0.1", show.preview.address[1], timeout=10) for _ in range(12)]
    for guesser in guessers:
        guesser.request("GET", "/?token=wrong")
    statuses = [guesser.getresponse().status for guesser in guessers]
    for guesser in guessers:
        guesser.close()
    assert sorted(set(statuses)) == [401, 429]
    assert statuses.count(401) == 4
    assert get(show, "/", Cookie=right)[0] == 200  # and it is over when they have waited


def test_the_doorkeeper_stands_before_the_gate(show: FakeShow) -> None:
    right = cookie(show)
    assert get(show, "/", Cookie=right, Host="evil.example")[0] == 403
    address = f"ws://127.0.0.1:{show.preview.address[1]}/ws"
    headers = {"Cookie": right, "Origin": "http://evil.example"}
    with pytest.raises(InvalidStatus, match="403"), connect(address, additional_headers=headers):
        pass


def test_no_log_has_the_token(show: FakeShow, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        right = cookie(show)
        get(show, "/", Cookie=right)
        get(show, f"/nothing?token={TOKEN}", Cookie=right, Host="evil.example")
        with connect(f"ws://127.0.0.1:{show.preview.address[1]}/pictures?token={TOKEN}", logger=logging.Logger("")):
            pass
        show.stop()
    assert TOKEN not in caplog.text
    assert TOKEN not in show.preview.name
    assert TOKEN not in show.preview.where


def test_a_browser_is_let_in_by_the_address_and_stays_in(show: FakeShow, page: "Page") -> None:
    bare = f"http://127.0.0.1:{show.preview.address[1]}/"
    page.goto(bare)
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.locator("body.playing").wait_for()
    assert page.url == bare
    assert page.evaluate("document.cookie") == ""
    page.context.clear_cookies()
    # From a page of somebody else, as a link in a mail.
    page.goto("about:blank")
    page.set_content(f'<a href="{show.preview.url}">the show</a>')
    page.get_by_text("the show").click()
    page.locator("body.playing").wait_for()
    assert page.url == bare
    page.reload()
    page.locator("body.playing").wait_for()


def test_a_page_that_is_open_says_that_the_token_is_another(show: FakeShow, page: "Page") -> None:
    page.goto(show.preview.url)
    page.locator("body.playing").wait_for()
    port = show.preview.address[1]
    show.stop()
    with FakeShow(port, token="battery_staple"):
        page.get_by_text("the show has another token now").wait_for()
        page.goto(f"http://127.0.0.1:{port}/?token=battery_staple")
        page.locator("body.playing").wait_for()


def test_pages_run_nothing_but_their_own(show: FakeShow) -> None:
    right = cookie(show)
    for path in ("/", "/stage", "/page.js"):
        policy = get(show, path, Cookie=right)[1]["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'")
        assert "unsafe" not in policy
        assert ("script-src 'self' 'sha256-" in policy) == (path == "/stage")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "rack.local"])
def test_on_hosts_that_others_reach_a_token_is_made_up(host: str) -> None:
    def url(token: str) -> str:
        return WebPreview(host, 0, describe=[], values=dict, put=lambda *_: None, token=token).url

    assert url(TOKEN).endswith(f"?token={TOKEN}")
    first, second = (url("").partition("?token=")[2] for _ in range(2))
    assert len(first) >= 22
    assert first != second


def test_other_machines_may_use_our_names_and_addresses() -> None:
    with FakeShow(host="0.0.0.0") as show:
        address = show.preview.url.removeprefix("http://").partition(":")[0]
        token = show.preview.url.partition("?")[2]
        assert address != "0.0.0.0"
        for host in (address, "192.168.77.1:8080", socket.gethostname(), f"{socket.gethostname()}.local:8080"):
            assert get(show, f"/?{token}", Host=host)[0] == 200
        assert get(show, f"/?{token}", Host="evil.example")[0] == 403
