"""Devices and JACK for real: a JACK server without a sound card, and another program that plays."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from jack_player import TONES_HZ

from avserver.analysis.analyser import Analyser
from avserver.audio.capture import LOST_S, RETRY_S, CaptureSource
from avserver.audio.capture_process import CaptureSettings
from avserver.audio.catalogue import open_source
from avserver.audio.file import FileSource
from avserver.audio.wav import write_wav
from avserver.errors import AudioError
from avserver.server_process import ServerProcess

FPS = 60
HOP_S = 256 / 44_100


class Show:
    """Reads a source in real time, as a show does."""

    def __init__(self, source):
        self.source = source
        self.start_s = time.monotonic()

    @property
    def t_s(self):
        return time.monotonic() - self.start_s

    def listen(self, duration_s):
        end_s = self.t_s + duration_s
        blocks = []
        while self.t_s < end_s:
            blocks.append(self.source.read(self.t_s))
            time.sleep(1 / FPS)
        return np.concatenate(blocks)

    def listen_until(self, condition, at_most_s=30.0):
        end_s = self.t_s + at_most_s
        while not condition():
            assert self.t_s < end_s, self.source.status()
            self.listen(0.1)


def loudest_hz(block):
    spectrum = np.abs(np.fft.rfft(block * np.hanning(block.size)))
    return np.argmax(spectrum) * 44_100 / block.size


def test_what_jack_plays_has_the_onsets_of_the_file(jack_server, tmp_path):
    song = tmp_path / "song.wav"
    with open_source("demo", sample_rate=48_000, start_s=20.0) as demo:
        write_wav(song, demo.read(6.0), sample_rate=48_000)
    with FileSource(song) as source:
        file_onsets = heard_onsets(Analyser(source).until(5.9))
    assert file_onsets.size > 20
    # Without a sound card's clock, a server on a busy machine loses time now and then: the best of a few goes counts.
    goes = []
    while len(goes) < 4 and max(goes, default=0.0) <= 0.9:
        live_onsets, began_s = play_and_listen(jack_server, song)
        # Not the click where the song is cut off.
        live_onsets = live_onsets[live_onsets < began_s + 5.9]
        # An onset is where it was in the song: sound and show time are together.
        expected = file_onsets + began_s
        heard = live_onsets[np.abs(live_onsets[:, None] - expected).argmin(axis=0)]
        together = np.abs(heard - expected) < 0.05
        # And from one to the next they are as far apart as in the file, to two hops.
        apart = np.abs(np.diff(heard - expected)) <= 2 * HOP_S
        as_many = abs(live_onsets.size - file_onsets.size) <= 0.15 * file_onsets.size
        goes.append(np.mean(together[1:] & apart) * as_many)
    assert max(goes) > 0.9, goes


def play_and_listen(jack_server, song):
    """Return the times (s) of the onsets that are heard while a program plays the song, and when it began."""
    with (
        jack_server.player("player", song) as player,
        CaptureSource(CaptureSettings("jack", "player:out_.*")) as source,
    ):
        analyser = Analyser(source)
        show = Show(source)
        signals = [analyser.until(show.t_s)]
        player.stdin.write("play\n")
        player.stdin.flush()
        began_s = float(player.stdout.readline()) - show.start_s
        while show.t_s < began_s + 6.2:
            signals.append(analyser.until(show.t_s))
            time.sleep(1 / FPS)
        assert source.state == "playing"
    return np.concatenate([heard_onsets(frame) for frame in signals]), began_s


def heard_onsets(signals):
    return np.array([onset.t_s for onset in signals.onsets if (onset.stem, onset.band) == ("mix", "full")])


@pytest.mark.parametrize(
    ("driver", "rate_hz", "channels"),
    [("device", 44_100, ()), ("device", 96_000, (3,)), ("jack", 48_000, (3,)), ("jack", 96_000, (2, 1))],
)
def test_any_channel_at_any_rate(start_jack, driver, rate_hz, channels):
    with start_jack(rate_hz).player("player"):
        name = "player:out_.*" if driver == "jack" else "PLAYER"
        with CaptureSource(CaptureSettings(driver, name, channels)) as source:
            heard = Show(source).listen(1.0)[-22_050:]
            overruns = source.status()["overruns"]
    # Where two tones are mixed, each has half of its 0.3. A clock that is followed bends them by 0.2 %.
    wanted = [TONES_HZ[channel - 1] for channel in channels or (1, 2)]
    assert min(abs(loudest_hz(heard) - hz) for hz in wanted) < 10
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.05)
    assert overruns == 0


@pytest.mark.parametrize("driver", ["device", "jack"])
def test_a_device_that_vanishes_is_found_again(jack_server, driver):
    name = "player:out_.*" if driver == "jack" else "player"
    with jack_server.player("player"):
        source = CaptureSource(CaptureSettings(driver, name, (1,)))
        show = Show(source)
        assert np.abs(show.listen(1.0)).max() > 0.2
        jack_server.kill()
        show.listen_until(lambda: source.state == "away")
    assert np.all(show.listen(LOST_S + RETRY_S) == 0)
    assert source.status()["reconnects"] == 0
    jack_server.rate_hz = 44_100
    jack_server.start()
    with jack_server.player("player"):
        show.listen_until(lambda: source.state == "playing")
        heard = show.listen(1.0)[-22_050:]
        assert np.abs(heard).max() > 0.2
        assert abs(loudest_hz(heard) - TONES_HZ[0]) < 10, "at its new rate"
        status = source.status()
    assert (status["reconnects"], status["returns"]) == (1, 1)
    assert LOST_S + RETRY_S < status["silence_s"] < 30
    began_s = time.monotonic()
    source.close()
    assert time.monotonic() - began_s < 2


def test_a_program_that_begins_again_is_connected_again(jack_server):
    with jack_server.player("player"):
        source = CaptureSource(CaptureSettings("jack", "player:out_.*"))
        show = Show(source)
        assert np.abs(show.listen(0.5)).max() > 0.2
    show.listen(0.5)
    assert np.all(show.listen(0.2) == 0)
    with source, jack_server.player("player"):
        assert np.abs(show.listen(1.0)).max() > 0.2
        assert source.status()["reconnects"] == 0, "JACK itself was there all the time"


@pytest.mark.slow
def test_a_show_goes_on_when_its_jack_server_dies(jack_server, tiny_model, tmp_path):
    arguments = ["--model", str(tiny_model), "--audio", "jack:player:out_.*", "--fps", "10"]
    with jack_server.player("player"):
        server = ServerProcess(arguments, log=tmp_path / "server.log")
        with server:
            server.wait_until("playing")
            assert server.osc.status()["audio.state"] == "playing"
            jack_server.kill()
            frames = server.osc.status()["frames"]
            end_s = time.monotonic() + 20
            while (status := server.osc.status())["audio.state"] != "away" and time.monotonic() < end_s:
                time.sleep(0.1)
            assert status["audio.state"] == "away"

            def goes_on(status):
                return status["frames"] >= frames + 8 and status["audio.silence_s"] > 0.5

            while not goes_on(status := server.osc.status()) and time.monotonic() < end_s + 20:
                time.sleep(0.1)
            assert goes_on(status)
        assert server.process.returncode == 0
        assert "lost JACK" in server.printed


def test_devices_lists_inputs_and_ports(jack_server):
    with jack_server.player("player"):
        program = [sys.executable, "-m", "avserver", "devices"]
        lines = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        plain = json.loads(subprocess.run([*program, "--json"], capture_output=True, check=True).stdout)
    (found,) = [device for device in plain["inputs"] if device["name"] == "player"]
    assert (found["host"], found["channels"]) == ("JACK Audio Connection Kit", 3)
    assert (found["rate_hz"], found["rates_hz"]) == (48_000, [48_000])
    assert {"player:out_1", "player:out_2", "player:out_3"} <= set(plain["jack_ports"])
    assert "player, JACK Audio Connection Kit  (3 channels, 48000 Hz; takes 48000)" in lines
    assert "jack:player:out_3" in lines


def test_what_cannot_be_opened_names_what_can(jack_server):
    with jack_server.player("player"):
        for driver in ("device", "jack"):
            with pytest.raises(AudioError, match=r"nobody.*system.*player"):
                CaptureSource(CaptureSettings(driver, "nobody"))
        with pytest.raises(AudioError, match=r"several inputs match 'JACK'; there are 0: .*; 1: "):
            CaptureSource(CaptureSettings("device", "JACK"))
        with pytest.raises(AudioError, match=r"has channels 1 to 3, got 4"):
            CaptureSource(CaptureSettings("device", "player", (4,)))
        with pytest.raises(AudioError, match=r"at 22050 Hz: .*; rates that work: 48000"):
            CaptureSource(CaptureSettings("device", "player", rate_hz=22_050))
        with pytest.raises(AudioError, match=r"3 ports match 'player:.*' in JACK"):
            CaptureSource(CaptureSettings("jack", "player:.*", (4,)))
