"""What the web page is at a gig: outputs, mapping, recording, fingers on faders, the stage; in a real browser."""

import io
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.outputs.fake_show import SIZE_PX, FakeShow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

STAGE = Path(__file__).parents[2] / "clients" / "web" / "stage.html"
PLAYING = {"state": "playing", "error": "", "sent": 0, "failed": 0, "skipped": 0, "restarts": 0}


@pytest.fixture
def show() -> Iterator[FakeShow]:
    with FakeShow() as show:
        yield show


@pytest.fixture
def opened(show: FakeShow, page: "Page") -> "Page":
    page.goto(show.preview.url)
    page.locator("body.playing").wait_for()
    return page


def until(condition: Callable[[], object], page: "Page", limit_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        page.wait_for_timeout(20)


def tell(show: FakeShow, name: str, **figures: str | int) -> None:
    """Have the status tell of an output."""
    show.more = show.more | {f"output.{name}.{key}": value for key, value in (PLAYING | figures).items()}


def test_outputs_tell_their_rate_who_receives_and_why_they_fail(show: FakeShow, opened: "Page") -> None:
    preview = opened.get_by_label("output preview")
    preview.get_by_text("1 viewer", exact=True).wait_for()
    preview.locator(".how").get_by_text(re.compile(r"^(2[5-9]|3[0-5])\.\d fps$")).wait_for()

    tell(show, "wall.left", state="failing", error="no such host", restarts=3)
    tell(show, "ndi", tally="program", connections=2, refused=0)
    tell(show, "rack", format="JPEG", encrypted=1, connected=0, refused=3)
    wall = opened.get_by_label("output wall.left")
    wall.get_by_text("no such host").wait_for()
    assert wall.locator(".how").text_content() == "failing"
    assert "3 restarts" in (wall.locator(".more").text_content() or "")
    assert opened.get_by_label("output ndi").locator(".more").text_content() == "program · 2 connections"
    rack = opened.get_by_label("output rack").locator(".more")
    assert rack.text_content() == "JPEG · encrypted · 3 refused"
    show.desk.announce("/output/wall%2Eleft/state", "failing", "no such host")
    opened.get_by_text("wall.left is failing: no such host").wait_for()

    tell(show, "wall.left", restarts=4)
    until(lambda: wall.get_attribute("data-state") == "playing", opened)
    show.more = {key: value for key, value in show.more.items() if "wall" not in key}
    until(lambda: wall.count() == 0, opened)


def test_a_worker_that_draws_nothing_any_more_is_seen(show: FakeShow, opened: "Page") -> None:
    light = opened.locator(".state i")
    green = light.evaluate("element => getComputedStyle(element).backgroundColor")
    show.more = {"failsafe": 1}
    opened.get_by_text("no new pictures").wait_for()
    assert light.evaluate("element => getComputedStyle(element).backgroundColor") != green
    show.more = {"failsafe": 0}
    opened.get_by_text("playing", exact=True).wait_for()


def test_what_is_wrong_with_the_mapping_is_shown_until_it_is_mended(show: FakeShow, opened: "Page") -> None:
    assert not opened.locator("#mapping").is_visible()
    files = {"mapping.files": "/gig/friday.toml, /gig/nano.toml", "mapping.error": "", "mapping.reads": 0}
    show.more = files | {"mapping.error": "/gig/friday.toml, line 41: transform does not know 'rotat'"}
    opened.get_by_text("friday.toml, line 41: transform does not know 'rotat'", exact=True).wait_for()
    assert opened.locator("#mapping-files").text_content() == "friday.toml · nano.toml"
    opened.get_by_role("button", name="Reload").click()
    until(lambda: show.asked == ["/mapping/reload"], opened)
    show.more = files | {"mapping.reads": 1}
    opened.get_by_text("the mapping was read again").wait_for()
    until(lambda: opened.locator("#mapping-error").text_content() == "", opened)


def test_a_recording_ends_at_the_second_tap_only(show: FakeShow, opened: "Page") -> None:
    button = opened.get_by_label("recording")
    assert not button.is_visible()
    show.more = {"record.state": "idle"}
    button.get_by_text("Rec").wait_for()
    button.click()
    until(lambda: show.asked == ["/record/start"], opened)
    show.more = {"record.state": "recording", "record.seconds": 65.0, "record.bytes": 12_345_678}
    until(lambda: button.text_content() == "1:05 · 12 MB", opened)
    button.click()
    assert button.text_content() == "Stop?"
    assert show.asked == ["/record/start"]
    button.click()
    until(lambda: show.asked == ["/record/start", "/record/stop"], opened)
    show.more = show.more | {"record.state": "finishing"}
    until(button.is_disabled, opened)
    show.more = show.more | {"record.state": "idle", "record.path": "/gig/friday.mkv"}
    opened.get_by_text("recorded /gig/friday.mkv, 1:05 · 12 MB").wait_for()
    show.more = show.more | {"record.state": "failed", "record.error": "no space left"}
    opened.get_by_text("the recording failed: no space left").wait_for()
    assert button.text_content() == "Rec"


def test_a_take_has_a_button_of_its_own(show: FakeShow, opened: "Page") -> None:
    button = opened.get_by_label("take", exact=True)
    show.more = {"record.state": "idle", "take.state": "idle"}
    button.get_by_text("Take").wait_for()
    button.click()
    until(lambda: show.asked == ["/take/start"], opened)
    show.more |= {"take.state": "recording", "take.seconds": 65.0, "take.bytes": 412_345}
    until(lambda: button.text_content() == "1:05 · 412 kB", opened)
    assert opened.get_by_label("recording").text_content() == "Rec"
    button.click()
    button.click()
    until(lambda: show.asked == ["/take/start", "/take/stop"], opened)
    show.more |= {"take.state": "idle", "take.path": "/gig/friday.take"}
    opened.get_by_text("kept /gig/friday.take, 1:05 · 412 kB").wait_for()


def test_the_space_bar_does_not_press_again_what_was_tapped(show: FakeShow, opened: "Page") -> None:
    opened.get_by_role("button", name="/panic").click()
    until(lambda: show.fired == ["/panic"], opened)
    opened.keyboard.press("Space")
    opened.keyboard.press("Escape")
    opened.get_by_label("/tempo/tap", exact=True).click()
    until(lambda: "/tempo/tap" in show.fired, opened)
    opened.wait_for_timeout(100)
    assert show.fired == ["/panic", "/tempo/tap"]


def test_the_page_notices_a_server_that_says_nothing_any_more(show: FakeShow, opened: "Page") -> None:
    silent = threading.Event()
    show.preview._thread.call_soon(silent.wait, 15.0)  # the connection stays, as when a network is gone
    opened.locator("body.lost").wait_for(timeout=10_000)
    silent.set()
    opened.locator("body.playing").wait_for()


# ---- with fingers ----


@pytest.fixture(
    params=[(1180, 820), (1024, 768), (820, 1180), (390, 844)], ids=["landscape", "small", "portrait", "phone"]
)
def tablet(show: FakeShow, browser: "Browser", request: pytest.FixtureRequest) -> "Iterator[Page]":
    width, height = request.param
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(5000)
    page.goto(show.preview.url)
    page.locator("body.playing").wait_for()
    yield page
    context.close()


def swipe(fingers: "CDPSession", start: tuple[float, float], by: tuple[float, float]) -> None:
    """Put a finger down, move it and lift it."""
    for step in range(11):
        x, y = (start[i] + by[i] * step / 10 for i in (0, 1))
        kind = "touchMove" if step else "touchStart"
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        time.sleep(0.02)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_turns_a_fader_from_where_it_stands_and_scrolls_without_turning(
    show: FakeShow, tablet: "Page"
) -> None:
    fader = tablet.get_by_label("/noise/strength", exact=True)
    fader.scroll_into_view_if_needed()
    fader.evaluate("element => element.scrollIntoView({block: 'center'})")
    fingers = tablet.context.new_cdp_session(tablet)
    box = fader.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    swipe(fingers, middle, (0, 0))
    tablet.wait_for_timeout(200)
    assert show.desk.values["/noise/strength"] == 0.5, "a finger that lands turns nothing"

    place = "() => document.querySelector('.desk').scrollTop + scrollY + visualViewport.pageTop"
    before = tablet.evaluate(place)
    swipe(fingers, middle, (box["width"] / 4, 3))
    until(lambda: show.desk.values["/noise/strength"] == pytest.approx(1.0, abs=0.1), tablet)
    until(lambda: show.desk.values["/noise/strength"] == pytest.approx(float(fader.input_value()), abs=1e-3), tablet)
    assert tablet.evaluate(place) == before

    turned = show.desk.values["/noise/strength"]
    swipe(fingers, middle, (5, -120))
    until(lambda: tablet.evaluate(place) > before + 50, tablet)
    assert show.desk.values["/noise/strength"] == turned
    assert tablet.evaluate("visualViewport.scale") == 1


def test_whatever_is_touched_is_wide_enough_for_a_finger(show: FakeShow, tablet: "Page") -> None:
    show.more = {
        "record.state": "recording",
        "record.seconds": 3661.0,
        "record.bytes": 4.5e9,
        "mapping.files": "a.toml",
    }
    show.more |= {"mapping.error": "", "mapping.reads": 0}
    tablet.get_by_label("recording").wait_for()
    small = """() => [...document.querySelectorAll("button, select, summary, .knob, .slider, input[type=number]")]
        .filter((element) => element.offsetParent)
        .filter((element) => Math.min(element.offsetWidth, element.offsetHeight) < 44)
        .map((element) => element.outerHTML.slice(0, 80))"""
    assert tablet.evaluate(small) == []
    cut_off = (
        "() => [...document.querySelectorAll('button')].filter((e) => e.getBoundingClientRect().right > innerWidth)"
    )
    assert tablet.evaluate(f"({cut_off})().map((element) => element.outerHTML)") == []
    assert tablet.evaluate("document.documentElement.scrollWidth <= innerWidth")


# ---- the stage ----


@pytest.mark.parametrize(("fit", "left"), [("fit", "black"), ("crop", "picture"), ("fill", "picture"), ("", "black")])
def test_the_stage_fills_the_screen_as_it_is_told(show: FakeShow, page: "Page", fit: str, left: str) -> None:
    page.set_viewport_size({"width": 640, "height": 360})
    page.goto(f"{show.preview.stage_url}?fit={fit}")
    canvas = page.locator("canvas")
    until(lambda: canvas.evaluate("element => element.width") == SIZE_PX, page)
    assert canvas.bounding_box() == {"x": 0, "y": 0, "width": 640, "height": 360}
    assert page.evaluate("getComputedStyle(document.body).cursor") == "none"
    fitted = canvas.evaluate("element => getComputedStyle(element).objectFit")
    assert fitted == {"fit": "contain", "": "contain", "crop": "cover", "fill": "fill"}[fit]
    page.wait_for_timeout(200)
    picture = Image.open(io.BytesIO(page.screenshot()))
    seen = {picture.getpixel((2, y))[:3] for y in range(0, 360, 40)}
    assert (seen == {(0, 0, 0)}) == (left == "black")


def test_the_stage_keeps_its_picture_and_comes_back(show: FakeShow, page: "Page") -> None:
    port = show.preview.address[1]
    page.goto(show.preview.stage_url)
    canvas = page.locator("canvas")
    until(lambda: canvas.evaluate("element => element.width") == SIZE_PX, page)
    show.stop()
    last = page.screenshot()
    page.wait_for_timeout(300)
    assert page.screenshot() == last
    with FakeShow(port) as again:
        until(lambda: len(again.preview._audience) == 1, page)
        until(lambda: page.screenshot() != last, page)


def test_as_a_file_the_stage_says_what_it_needs(page: "Page", tmp_path: Path) -> None:
    copy = Path(shutil.copy(STAGE, tmp_path))
    page.goto(copy.as_uri())
    assert "/stage of the server instead" in (page.locator("p").text_content() or "")
    page.goto(f"{copy.as_uri()}?mjpeg=http://127.0.0.1:9/&fit=crop")
    assert page.locator("img").get_attribute("src") == "http://127.0.0.1:9/"
