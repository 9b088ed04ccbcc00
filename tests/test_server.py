"""The server as a real process: a real subscriber, real OSC, real music, a 16 px model."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import zmq
from PIL import Image
from pythonosc.osc_message_builder import build_msg

from avserver.audio.clicks import clicks
from avserver.audio.wav import write_wav
from avserver.control.osc_packet import encode
from avserver.control.osc_slip import frame
from avserver.control.reseed import AT_RANDOM, seed_from
from avserver.frame import HEADER_SIZE, Flags, FrameHeader
from avserver.server_process import HOST, ServerProcess, free_port

FPS = 10


class Frames:
    """A subscriber that reads frames one after another."""

    def __init__(self, address: str) -> None:
        self._context: zmq.Context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"AVSF")
        self._socket.setsockopt(zmq.RCVTIMEO, 20_000)
        self._socket.connect(address)

    def next(self) -> tuple[FrameHeader, bytes]:
        message = self._socket.recv()
        return FrameHeader.unpack(message), message[HEADER_SIZE:]

    def until(self, wanted: Callable[[FrameHeader, bytes], bool], at_most: int = 400) -> tuple[FrameHeader, bytes]:
        for _ in range(at_most):
            header, pixels = self.next()
            if wanted(header, pixels):
                return header, pixels
        raise AssertionError(f"no such frame among {at_most}")

    def drawn(self) -> tuple[FrameHeader, bytes]:
        """Return the next frame that is neither repeated nor a stand-in."""
        return self.until(lambda header, _: not header.flags)

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("song") / "clicks.wav"
    write_wav(path, clicks([0.5 * i for i in range(1, 200)], 100.0))
    return path


@pytest.fixture
def serve(tiny_model: Path, song: Path, tmp_path: Path):
    """Return a function that starts a server and a subscriber, as a context."""
    numbers = itertools.count()

    @contextmanager
    def start(*arguments: str) -> Iterator[tuple[ServerProcess, Frames]]:
        fixed = ["--model", str(tiny_model), "--audio", str(song), "--fps", str(FPS)]
        with ServerProcess([*fixed, *arguments], log=tmp_path / f"server{next(numbers)}.log") as server:
            frames = Frames(server.zeromq)
            try:
                yield server, frames
            finally:
                frames.close()

    return start


def test_frames_flow_with_true_headers(serve) -> None:
    with serve() as (_, frames):
        header, pixels = frames.drawn()
        assert (header.width_px, header.height_px, header.pixel_format) == (16, 16, "RGB8")
        assert (header.row_bytes, header.size_bytes, len(pixels)) == (48, 768, 768)
        assert abs(header.published_ns / 1e9 - time.time()) < 5
        # The newest sample is at most a tick and a hop older than the frame, and both are just now.
        assert 0 <= header.published_ns - header.audio_ns < 2e9
        later, _ = frames.drawn()
        assert later.index > header.index
        assert later.t_s == later.index / FPS


def test_before_the_worker_is_ready_the_rate_is_kept_with_flagged_black(serve) -> None:
    with serve() as (_, frames):
        header, pixels = frames.next()
        assert Flags.FAILSAFE in header.flags
        assert not any(pixels)


def test_a_size_is_obeyed(serve) -> None:
    with serve("--size", "40x24") as (server, frames):
        header, pixels = frames.drawn()
        assert (header.width_px, header.height_px, len(pixels)) == (40, 24, 40 * 24 * 3)
        # Of the sizes that a network of 16 px draws, 28x16 is nearest to that shape.
        assert "40x24 px (drawn at 28x16)" in server.printed


def test_same_seeds_same_frames_and_other_seeds_other_frames(serve) -> None:
    other_seed = ("/choir/tempo/seed/1", 4711)

    def seen_of_three() -> list[list[bytes]]:
        with serve() as first, serve() as second, serve() as other:
            other[0].wait_for_osc()
            other[0].osc.send(*other_seed)
            # By the time that a worker draws its first frame the glide to the other seed is long over.
            start = max(frames.drawn()[0].index for _, frames in (first, second, other))
            seen = [pixels_from(frames, start, 20) for _, frames in (first, second, other)]
        common = sorted(set.intersection(*(set(pictures) for pictures in seen)))
        assert len(common) >= 5
        return [[pictures[index] for index in common] for pictures in seen]

    # A tick that a loaded machine skips moves all that follow from it, so that one of three attempts has to do.
    for _ in range(3):
        same, again, others = seen_of_three()
        assert not any(one == other for one, other in zip(same, others, strict=True))
        if same == again:
            return
    pytest.fail("the same seeds did not give the same frames")


def pixels_from(frames: Frames, start: int, count: int) -> dict[int, bytes]:
    """Return the pixels of `count` drawn frames by index, from index `start` on."""
    seen: dict[int, bytes] = {}
    while len(seen) < count:
        header, pixels = frames.drawn()
        if header.index >= start:
            seen[header.index] = pixels
    return seen


def test_a_changed_parameter_shows_within_three_frames(serve, tmp_path: Path) -> None:
    still = tmp_path / "still.toml"
    still.write_text("")
    with serve("--mapping", str(still)) as (server, frames):
        server.wait_for_osc()
        server.osc.send("/noise/speed", 0.0)
        frames.drawn()
        assert server.osc.ask("/noise/speed") == [0.0]
        # With no choirs and noise at rest, pictures stand still.
        _, before = frames.drawn()
        for _ in range(5):
            _, before = frames.drawn()
        _, again = frames.drawn()
        assert again == before
        server.osc.send("/grade/contrast", 0.2)
        sent_ns = time.time_ns()
        header, _ = frames.until(lambda header, pixels: pixels != before)
        assert (header.published_ns - sent_ns) / 1e9 * FPS < 3


def test_osc_is_answered_in_the_manner_of_the_contract(serve) -> None:
    with serve() as (server, _):
        server.wait_for_osc()
        assert server.osc.ask("/latent/truncation_psi") == [1.0]
        assert server.osc.ask("/sync", 7, answer="/synced") == [7]
        address, reason = server.osc.ask("/noise/strenght", 1.0, answer="/fail")  # type: ignore[misc]
        assert address == "/avserver/noise/strenght"
        assert "/noise/strength" in str(reason)
        status = server.osc.status()
        assert status is not None
        assert {"fps", "frames", "late", "dropped", "repeated", "worker", "tempo_bpm", "onsets"} <= set(status)


def test_seeds_are_drawn_and_told_and_another_program_turns_knobs(serve) -> None:
    with serve("--also", "touchosc") as (server, _):
        server.wait_for_osc()
        server.osc.send("/reseed/all")
        drawn = settled(server, lambda status: status["reseed_from"] != AT_RANDOM)["reseed_from"]
        assert server.osc.ask("/choir/tempo/seed/1") == [seed_from(drawn, "tempo", 1)]
        assert f"reseeded melody, tempo, drums from {drawn}" in server.printed
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.sendto(build_msg("/1/fader5", [0.25]).dgram, (HOST, server.osc_port))
            phone.sendto(build_msg("/1/fader6", [0.25]).dgram, (HOST, server.osc_port))
            phone.settimeout(5)
            assert b"no mapping listens" in phone.recv(1000)
        assert server.osc.ask("/output/opacity") == [0.25]


def test_what_is_heard_can_be_told_over_osc(serve) -> None:
    with serve("--audio", "osc") as (server, frames):
        server.wait_for_osc()
        frames.drawn()
        for number in range(50):
            server.osc.send("/input/onset", "mix", "full", number / 50)
        server.osc.send("/input/tempo", 126.0)
        server.osc.send("/input/segment", 2)
        address, reason = server.osc.ask("/input/onset", "drum", "low", 1.0, answer="/fail")  # type: ignore[misc]
        assert address == "/avserver/input/onset"
        assert "allowed: mix, drums, bass, melody" in str(reason)
        frames.drawn()
        status = server.osc.status()
        assert status is not None
        assert (status["onsets"], status["tempo_bpm"], status["segment"]) == (50, 126.0, 2)
        assert server.osc.ask("/audio/seek", 1.0, answer="/fail")


def test_a_seek_moves_the_song_and_the_show_goes_on(serve) -> None:
    with serve() as (server, frames):
        server.wait_for_osc()
        frames.drawn()
        server.osc.send("/audio/seek", 60.0)
        server.osc.ask("/sync", 1, answer="/synced")
        frames.drawn()
        status = server.osc.status()
        assert status is not None
        assert 60 <= float(status["audio.position_s"]) < 60 + float(status["t_s"])  # type: ignore[arg-type]
        reason = server.osc.ask("/audio/seek", "there", answer="/fail")
        assert reason is not None
        assert "takes one number" in str(reason[1])
        assert "input" in str(server.osc.ask("/input/beat", answer="/fail"))


def test_garbage_does_not_stop_the_frames(serve) -> None:
    rng = random.Random(1)
    with serve() as (server, frames), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        server.wait_for_osc()
        frames.drawn()
        good = b"/avserver/noise/strength\0\0\0\0,f\0\0\0\0\0\0"
        for _ in range(2000):
            packet = bytearray(rng.choice([good, b"#bundle\0" + bytes(8) + rng.randbytes(30), rng.randbytes(60)]))
            packet[rng.randrange(len(packet))] ^= 1 << rng.randrange(8)
            sock.sendto(packet, (HOST, server.osc_port))
        first, _ = frames.drawn()
        assert frames.drawn()[0].index - first.index <= 2
        status = server.osc.status()
        assert status is not None
        assert int(status["osc_malformed"]) > 100  # type: ignore[call-overload]
        server.osc.send("/noise/strength", float("nan"))
        assert server.osc.ask("/noise/strength", "loud", answer="/fail")


def test_blackout_acts_within_the_frame_and_says_so(serve) -> None:
    with serve() as (server, frames):
        frames.drawn()
        server.osc.send("/output/blackout", 1.0)
        _, pixels = frames.until(lambda header, _: Flags.BLACKOUT in header.flags, at_most=5)
        assert not any(pixels)
        server.osc.send("/output/blackout", 0)
        _, pixels = frames.until(lambda header, _: not header.flags, at_most=5)
        assert any(pixels)


def test_freeze_keeps_the_rate_with_one_picture(serve) -> None:
    with serve() as (server, frames):
        frames.drawn()
        server.osc.send("/output/freeze", 1)
        header, pixels = frames.until(lambda header, _: Flags.REPEATED in header.flags, at_most=8)
        for _ in range(5):
            later, same = frames.next()
            assert (later.index, same) == (header.index, pixels)
        server.osc.send("/output/opacity", 0.5)
        half = np.frombuffer(pixels, np.uint8) / 2
        frames.until(lambda _, faded: np.abs(np.frombuffer(faded, np.uint8) - half).max() <= 1, at_most=5)
        server.osc.send("/output/opacity", 1.0)
        frames.until(lambda _, again: again == pixels, at_most=5)
        server.osc.send("/output/freeze", 0)
        assert frames.drawn()[0].index > header.index


def test_a_killed_worker_leaves_no_gap_and_comes_back(serve) -> None:
    with serve() as (server, frames):
        frames.drawn()
        server.osc.send("/grade/saturation", 0.0)
        frames.until(is_grey, at_most=30)
        status = server.osc.status()
        assert status is not None
        os.kill(int(status["worker_pid"]), signal.SIGKILL)  # type: ignore[call-overload]
        arrivals, header = [time.monotonic()], None
        while header is None or header.flags or len(arrivals) < 20:
            header, pixels = frames.next()
            arrivals.append(time.monotonic())
        gaps = np.diff(arrivals) * FPS
        assert np.median(gaps) == pytest.approx(1, abs=0.3)
        # The state it had: the knob still stands where it was turned to.
        assert is_grey(header, pixels)
        status = server.osc.status()
        assert status is not None
        assert status["restarts"] == 1


def test_an_image_stands_in_for_a_worker_that_hangs(serve, tmp_path: Path) -> None:
    Image.new("RGB", (60, 30), (10, 200, 30)).save(tmp_path / "logo.png")
    show = tmp_path / "show.toml"
    show.write_text('[failsafe]\nafter_s = 0.5\npicture = "logo.png"\nfade_s = 0.2\n', encoding="utf-8")
    with serve(str(show)) as (server, frames):
        frames.drawn()
        status = server.osc.status()
        assert status is not None
        os.kill(int(status["worker_pid"]), signal.SIGSTOP)  # type: ignore[call-overload]
        logo = bytes([10, 200, 30]) * 16 * 16
        header, _ = frames.until(lambda _, pixels: pixels == logo, at_most=20)
        assert header.flags == Flags.REPEATED | Flags.FAILSAFE
        os.kill(int(status["worker_pid"]), signal.SIGCONT)  # type: ignore[call-overload]
        _, pixels = frames.until(lambda header, _: not header.flags, at_most=20)
        assert pixels != logo


def is_grey(_header: FrameHeader, pixels: bytes) -> bool:
    picture = np.frombuffer(pixels, np.uint8).reshape(-1, 3)
    return bool((np.ptp(picture.astype(int), axis=1) <= 1).all()) and bool(picture.any())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["loading", "playing"])
def test_a_signal_ends_everything_and_leaves_nothing(serve, number: signal.Signals, moment: str) -> None:
    before = set(Path("/dev/shm").iterdir())
    with serve() as (server, frames):
        server.wait_for_osc()
        if moment == "playing":
            frames.drawn()
        processes = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
        assert len(processes) >= 2
        start_s = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(10) == 0
        while any(lives(process) for process in processes):
            assert time.monotonic() - start_s < 2
            time.sleep(0.01)
        assert "Traceback" not in server.printed
    assert set(Path("/dev/shm").iterdir()) <= before


def test_a_second_signal_forces(serve) -> None:
    with serve() as (server, _):
        server.wait_for_osc()
        children = psutil.Process(server.process.pid).children(recursive=True)
        start_s = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(3) in (0, 130)
        while any(lives(child) for child in children):
            assert time.monotonic() - start_s < 5
            time.sleep(0.01)


def test_when_the_server_is_killed_the_worker_goes_too(serve) -> None:
    with serve() as (server, frames):
        frames.drawn()
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait()
        start_s = time.monotonic()
        while any(lives(child) for child in children):
            assert time.monotonic() - start_s < 5
            time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that waits for a slow init to reap it does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_preview_shows_the_show_and_turns_it(tiny_model: Path, song: Path, tmp_path: Path, page) -> None:
    arguments = ["--model", str(tiny_model), "--audio", str(song), "--fps", str(FPS)]
    with ServerProcess(arguments, log=tmp_path / "server.log", preview=True) as server:
        server.wait_until("playing")
        page.goto(f"http://{HOST}:{server.preview}/")
        # The picture is that of the model, not the stand-in, and it moves.
        picture = "document.getElementById('picture')"
        wait_for(lambda: page.evaluate(f"{picture}.width") == 16)
        seen = set()
        wait_for(lambda: seen.add(page.evaluate(f"{picture}.toDataURL()")) or len(seen) > 3)
        slider = page.get_by_label("/grade/saturation", exact=True)
        slider.fill("0")
        wait_for(lambda: server.osc.ask("/grade/saturation") == [0.0])
        # And what OSC turns, the page shows.
        server.osc.send("/grade/saturation", 1.5)
        wait_for(lambda: slider.input_value() == "1.5")


def wait_for(happened: Callable[[], bool], timeout_s: float = 10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end_s, f"nothing of the kind within {timeout_s} s"
        time.sleep(0.1)


def test_a_duration_ends_the_show(serve) -> None:
    with serve("--duration", "1") as (server, _):
        assert server.process.wait(20) == 0


def test_a_port_in_use_is_named(tiny_model: Path, song: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
        done = refused("--osc-port", str(port), "--model", str(tiny_model), "--audio", str(song))
    assert str(port) in done
    assert "in use" in done
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        port = listening.getsockname()[1]
        done = refused("--zeromq", f"tcp://{HOST}:{port}", "--model", str(tiny_model), "--audio", str(song))
    assert f"tcp://{HOST}:{port}" in done
    assert "in use" in done


def test_a_broken_model_is_named(tmp_path: Path, tiny_model: Path, song: Path) -> None:
    text = tmp_path / "model.safetensors"
    text.write_text("I am no model")
    assert str(text) in refused("--model", str(text), "--audio", str(song))
    short = tmp_path / "short.safetensors"
    short.write_bytes(tiny_model.read_bytes()[:-1000])
    assert str(short) in refused("--model", str(short), "--audio", str(song))


def test_a_silent_song_is_named(tmp_path: Path, tiny_model: Path) -> None:
    silent = tmp_path / "silent.wav"
    write_wav(silent, clicks([], 2.0))
    assert str(silent) in refused("--model", str(tiny_model), "--audio", str(silent))


def test_oscquery_and_tcp_are_where_the_server_says(tiny_model: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(tiny_model), "--audio", "none", "--fps", str(FPS)]
    with ServerProcess(arguments, log=tmp_path / "server.log", oscquery=True) as server:
        server.wait_for_osc()
        url = f"http://{HOST}:{server.oscquery}/"
        assert f"OSCQuery      {url}" in server.printed
        with urllib.request.urlopen(f"{url}?HOST_INFO", timeout=20) as answer:
            assert json.load(answer)["OSC_PORT"] == server.osc_port
        with socket.create_connection((HOST, server.osc_port), timeout=20) as tcp:
            tcp.sendall(frame(encode("/avserver/noise/speed", 2.5)) + frame(encode("/avserver/noise/speed")))
            assert tcp.recv(1000) == frame(encode("/avserver/noise/speed", 2.5))
            tcp.sendall(b"".join(frame(encode("/avserver/grade/hue", step / 100)) for step in range(100)))
            assert server.osc.ask("/sync", 1, answer="/synced", timeout_s=20) is not None
            status = server.osc.status(20)
            assert status is not None
            assert status["osc_tcp_clients"] == 1
            assert int(str(status["osc_coalesced"])) > 0
        with urllib.request.urlopen(f"{url}avserver/noise/speed?VALUE", timeout=20) as answer:
            assert json.load(answer) == {"VALUE": [2.5]}


def refused(*arguments: str) -> str:
    """Return the one sentence that `avserver serve` ends with."""
    ports = [] if "--osc-port" in arguments else ["--osc-port", str(free_port())]
    ports += [] if "--zeromq" in arguments else ["--zeromq", ""]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "avserver",
            "serve",
            *arguments,
            *ports,
            "--no-oscquery",
            "--no-preview",
            "--duration",
            "1",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The tiny model with its colours taken away: whoever plays it shows grey."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    tensors = load_file(tiny_model)
    with safe_open(tiny_model, framework="numpy") as file:
        metadata = file.metadata()
    for name in tensors:
        if ".torgb." in name and "affine" not in name:
            tensors[name] = np.repeat(tensors[name][:1], 3, axis=0)
    path = tmp_path_factory.mktemp("model") / "grey.safetensors"
    save_file(tensors, path, metadata=metadata)
    return path


@pytest.fixture
def two_models(tmp_path: Path, tiny_model: Path, other_model: Path, song: Path) -> Path:
    """A show file with a coloured and a grey model, and a mapping file beside it."""
    (tmp_path / "mapping.toml").write_text('[[choir]]\nname = "c"\nfollows = "segment"\nseeds = [1]\n')
    path = tmp_path / "show.toml"
    path.write_text(
        f'[model]\npath = "{tiny_model}"\nalso = ["{other_model}"]\n'
        f'[mapping]\npath = "mapping.toml"\n[audio]\nsource = "{song}"\n[frame]\nfps = {FPS}\n'
    )
    return path


@pytest.fixture
def playing_two(two_models: Path, tmp_path: Path):
    with ServerProcess([str(two_models)], log=tmp_path / "two.log") as server:
        frames = Frames(server.zeromq)
        try:
            frames.drawn()
            yield server, frames
        finally:
            frames.close()


def settled(server: ServerProcess, done: Callable[[dict], bool], timeout_s: float = 60.0) -> dict:
    """Ask for the status until `done`."""
    end_s = time.monotonic() + timeout_s
    while True:
        status = server.osc.status()
        if status is not None and done(status):
            return status
        assert time.monotonic() < end_s, f"nothing came of it: {status}"
        time.sleep(0.1)


def test_another_model_takes_over_without_a_gap(playing_two) -> None:
    server, frames = playing_two
    server.osc.send("/model/fade_s", 0.5)
    server.osc.send("/model/select", 1)
    arrivals, headers, grey = [], [], []
    while len(grey) < 5 or not all(grey[-5:]):
        header, pixels = frames.next()
        arrivals.append(time.monotonic())
        headers.append(header)
        grey.append(is_grey(header, pixels))
        assert len(arrivals) < 600, "the other model never came"
    assert not grey[0]
    assert not any(Flags.FAILSAFE in header.flags for header in headers)
    assert np.median(np.diff(arrivals)) * FPS == pytest.approx(1, abs=0.2)
    indices = [header.index for header in headers if not header.flags]
    assert indices == sorted(set(indices))
    status = settled(server, lambda status: status["handovers"] == 1)
    assert (status["model"], status["next_model"], status["restarts"]) == ("grey.safetensors", "", 0)
    # A panic puts the knobs back, and leaves the model that plays.
    server.osc.send("/panic")
    frames.until(lambda header, _: header.index > indices[-1] + 5)
    assert server.osc.ask("/model/select") == [1]


def test_an_edited_mapping_is_played_and_a_bad_edit_is_refused(playing_two, two_models: Path) -> None:
    server, frames = playing_two
    mapping = two_models.parent / "mapping.toml"
    choir = mapping.read_text()
    server.osc.send("/noise/strength", 0.0)
    mapping.write_text(choir + '[[bend]]\nname = "turn"\nlayer = "b16"\ntransform = "rotate"\n')
    settled(server, lambda status: status["handovers"] == 1)
    now_ns = time.time_ns()
    _, straight = frames.until(lambda header, _: header.published_ns > now_ns and not header.flags)
    server.osc.send("/bend/turn/angle", 90.0)
    square = np.frombuffer(straight, np.uint8).reshape(16, 16, 3).astype(int)
    frames.until(lambda _, pixels: is_near(pixels, np.rot90(square)))
    mapping.write_text(choir + '[[bend]]\nname = "turn"\nlayer = "b16"\ntransform = "rotat"\n')
    end_s = time.monotonic() + 10
    while "line 8: transform does not know 'rotat'" not in server.printed:
        assert time.monotonic() < end_s, server.printed
        time.sleep(0.1)
    frames.until(lambda _, pixels: is_near(pixels, np.rot90(square)))
    assert server.osc.ask("/bend/turn/angle") == [90.0]
    settled(server, lambda status: "line 8: transform does not know 'rotat'" in str(status["mapping.error"]))
    mapping.write_text(choir + '[[bend]]\nname = "turn"\nlayer = "b16"\ntransform = "rotate"\n')
    settled(server, lambda status: status["mapping.error"] == "" and status["mapping.reads"] == 2)
    server.osc.send("/mapping/reload")
    settled(server, lambda status: status["mapping.reads"] == 3)


def is_near(pixels: bytes, picture: np.ndarray) -> bool:
    difference = np.frombuffer(pixels, np.uint8).reshape(picture.shape).astype(int) - picture
    return bool(np.abs(difference).max() <= 3)


def test_presets_are_saved_recalled_and_started_with(tmp_path: Path, tiny_model: Path, song: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(f'[model]\npath = "{tiny_model}"\n[audio]\nsource = "{song}"\n[frame]\nfps = {FPS}\n')
    with ServerProcess([str(path)], log=tmp_path / "first.log") as server:
        server.wait_for_osc()
        server.osc.send("/grade/contrast", 0.1)
        assert server.osc.ask("/preset/save", "flat", answer="/preset/saved") == ["flat"]
        assert (tmp_path / "presets" / "flat.toml").is_file()
        server.osc.send("/panic")
        server.osc.send("/preset/recall", "flat", 0.3)
        wait_for(lambda: server.osc.ask("/grade/contrast") == [pytest.approx(0.1)])
        status = server.osc.status()
        assert status is not None
        assert (status["preset"], status["presets"]) == ("flat", 1)
    with ServerProcess([str(path), "--preset", "flat"], log=tmp_path / "second.log") as server:
        server.wait_for_osc()
        assert server.osc.ask("/grade/contrast") == [pytest.approx(0.1)]
    assert "did you mean 'flat'?" in refused(str(path), "--preset", "flatt")
    (tmp_path / "presets" / "flat.toml").write_text('[values]\n"/grade/contrast" = "much"\n')
    assert "flat.toml, line 2: /grade/contrast takes a number" in refused(str(path), "--preset", "flat")
