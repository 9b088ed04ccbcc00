"""Sound over real sockets: RTP as ffmpeg sends it, ZeroMQ as the client's script sends it."""

import socket
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import zmq

from avserver.analysis.analyser import Analyser
from avserver.audio.catalogue import open_source
from avserver.audio.clicks import clicks
from avserver.audio.network import HEADER, MAGIC, unpack
from avserver.audio.wav import write_wav
from avserver.errors import AddressInUse, AudioError, ConfigError, WireError

SEND_AUDIO = Path(__file__).parents[2] / "clients" / "python" / "send_audio.py"
FPS = 60


def listen(source, duration_s, at_every_frame=lambda t_s: None):
    """Read a source in real time; return what was heard."""
    start_s, blocks = time.monotonic(), []
    while (t_s := time.monotonic() - start_s) < duration_s:
        at_every_frame(t_s)
        blocks.append(source.read(t_s))
        time.sleep(1 / FPS)
    return np.concatenate(blocks)


def loudest_hz(block):
    spectrum = np.abs(np.fft.rfft(block * np.hanning(block.size)))
    return np.argmax(spectrum) * 44_100 / block.size


class RtpSender:
    """A 1 kHz tone, sent by ffmpeg's libraries, as much of it at a time as has sounded."""

    def __init__(self, port, rate_hz, layout):
        self._rate_hz, self._layout, self._sent = rate_hz, layout, 0
        self._container = av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp")
        self._stream = self._container.add_stream("pcm_s16be", rate=rate_hz, layout=layout)

    def send_until(self, t_s):
        count = int(t_s * self._rate_hz) - self._sent
        if count <= 0:
            return
        tone = 0.5 * np.sin(2 * np.pi * 1000 * (self._sent + np.arange(count)) / self._rate_hz)
        channels = 1 if self._layout == "mono" else 2
        data = np.repeat((tone * 32_767).astype(np.int16), channels)[None]
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._sent, Fraction(1, self._rate_hz)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self._sent += count

    def close(self):
        self._container.close()


@pytest.mark.parametrize(
    ("rate_hz", "layout", "query"),
    [(44_100, "stereo", ""), (44_100, "mono", ""), (48_000, "stereo", ""), (96_000, "mono", "?rate=96000&channels=1")],
)
def test_a_tone_that_ffmpeg_sends_is_heard(rate_hz, layout, query):
    with open_source(f"rtp://127.0.0.1:0{query}") as source:
        sender = RtpSender(source.address[1], rate_hz, layout)
        heard = listen(source, 1.2, sender.send_until)[-22_050:]
        sender.close()
        status = source.status()
    assert abs(loudest_hz(heard) - 1000) < 5
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.02)
    assert status["state"] == "playing"
    assert (status["lost"], status["malformed"], status["foreign"]) == (0, 0, 0)


def test_noise_on_the_port_is_counted_and_the_tone_goes_on():
    rng = np.random.default_rng(1)
    with open_source("rtp://127.0.0.1:0") as source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        sender = RtpSender(source.address[1], 44_100, "stereo")

        def send(t_s):
            sender.send_until(t_s)
            stranger.sendto(rng.bytes(int(rng.integers(1, 1400))), source.address)

        heard = listen(source, 1.2, send)[-22_050:]
        sender.close()
        status = source.status()
    assert abs(loudest_hz(heard) - 1000) < 5
    assert status["malformed"] > 20


def test_the_script_sends_a_song_and_the_onsets_are_those_of_the_file(tmp_path):
    times_s = [0.5 + 0.25 * number for number in range(12)]
    write_wav(tmp_path / "clicks.wav", clicks(times_s, 4.0, sample_rate=48_000), sample_rate=48_000)
    with open_source(f"zmq+ipc://{tmp_path}/sound") as source:
        analyser = Analyser(source)
        analyser.until(0.0)
        start_s = time.monotonic()
        with subprocess.Popen([sys.executable, SEND_AUDIO, tmp_path / "clicks.wav", source.address]) as script:
            onsets = []
            while script.poll() is None:
                onsets += analyser.until(time.monotonic() - start_s).onsets
                time.sleep(1 / FPS)
            assert script.returncode == 0
        status = source.status()
    heard_s = np.array([onset.t_s for onset in onsets if (onset.stem, onset.band) == ("mix", "full")])
    offsets_s = heard_s - times_s
    assert np.abs(np.diff(offsets_s)).max() < 3 * 256 / 44_100
    assert (status["malformed"], status["dropped_s"]) == (0, 0.0)


def message(channels=1, number=0, rate_hz=44_100, magic=MAGIC, version=1, payload=bytes(8)):
    return HEADER.pack(magic, version, channels, number, rate_hz) + payload


def test_a_message_is_read():
    rate_hz, samples = unpack(message(2, 0, 48_000, payload=np.array([[16_384, -32_768]], "<i2").tobytes()))
    assert (rate_hz, samples.tolist()) == (48_000, [[0.5, -1.0]])
    _, samples = unpack(message(1, 1, payload=np.array([0.25, np.nan, 1e30], "<f4").tobytes()))
    assert samples.ravel().tolist() == [0.25, 0.0, 1.0]
    assert unpack(message(payload=b""))[1].size == 0


BAD_MESSAGES = [
    b"", b"AVSA", bytes(12), message(magic=b"AVSF"), message(version=2), message(channels=0), message(channels=200),
    message(number=2), message(rate_hz=0), message(rate_hz=2**31), message(payload=bytes(7)),
    message(3, payload=bytes(8)),
]  # fmt: skip


@pytest.mark.parametrize("data", BAD_MESSAGES)
def test_a_message_that_is_none_is_refused(data):
    with pytest.raises(WireError):
        unpack(data)


def test_bad_messages_are_counted_and_the_sound_goes_on_even_at_another_rate(tmp_path):
    with (
        open_source(f"zmq+ipc://{tmp_path}/sound") as source,
        zmq.Context() as context,
        context.socket(zmq.PUSH) as push,
    ):
        push.connect(source.address)
        source.read(0.01)  # the show begins
        for data in BAD_MESSAGES:
            push.send(data)
        push.send_multipart([message(), message()])
        half = np.full(4800, 0.5, "<f4").tobytes()
        push.send(message(1, 1, 48_000, payload=half))
        push.send(message(1, 1, 96_000, payload=half + half))
        heard, end_s = np.zeros(0), time.monotonic() + 10
        while source.state != "playing" and time.monotonic() < end_s:
            time.sleep(0.05)
            heard = source.read((source.samples_read + 8000) / 44_100)
        assert source.malformed == len(BAD_MESSAGES) + 1
    assert np.median(heard) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("rtp://192.168.1.2:5004", ConfigError, r"can be reached by other machines.*insecure = true in \[audio\]"),
        ("rtp://0.0.0.0:5004", ConfigError, "can be reached by other machines"),
        ("zmq+tcp://*:5557", ConfigError, "can be reached by other machines"),
        ("rtp://127.0.0.1", AudioError, r"allowed: rtp://HOST:PORT, or rtp://HOST:PORT\?rate=48000&channels=2"),
        ("rtp://127.0.0.1:70000", AudioError, "allowed: rtp://HOST:PORT"),
        ("rtp://127.0.0.1:5004?rate=1", AudioError, "allowed: rtp://HOST:PORT"),
        ("rtp://127.0.0.1:5004?speed=1", AudioError, "allowed: rtp://HOST:PORT"),
        ("rtp:nothing", AudioError, "allowed: rtp://HOST:PORT"),
        ("zmq+udp://127.0.0.1:5557", AudioError, r"allowed: zmq\+tcp://HOST:PORT or zmq\+ipc://PATH"),
        ("zmq+tcp://127.0.0.1:nowhere", AudioError, r"allowed: zmq\+tcp://HOST:PORT"),
        ("alsa:hw:0", AudioError, "cannot listen to 'alsa:hw:0'; allowed: demo, none, osc, device"),
        ("device:", AudioError, "'device:' names no device; allowed: demo, none, osc, device"),
    ],
)
def test_what_cannot_be_listened_to_says_what_can(url, error, sentence):
    with pytest.raises(error, match=sentence):
        open_source(url)


def test_a_port_that_is_taken_is_named(tmp_path):
    with open_source(f"zmq+ipc://{tmp_path}/sound"), pytest.raises(AddressInUse, match=r"is in use.*\[audio\] source"):
        open_source(f"zmq+ipc://{tmp_path}/sound")
    with open_source("rtp://127.0.0.1:0") as source, pytest.raises(AddressInUse, match="is in use"):
        open_source(f"rtp://127.0.0.1:{source.address[1]}")
    with open_source("zmq+tcp://127.0.0.1:*") as source, pytest.raises(AddressInUse, match="is in use"):
        open_source(f"zmq+{source.address}")


def test_other_machines_are_listened_to_where_that_is_wanted():
    with open_source("rtp://0.0.0.0:0", insecure=True) as source:
        assert source.address[0] == "0.0.0.0"
