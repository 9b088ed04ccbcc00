"""A real JACK server without a sound card, and programs that play through it."""

import ctypes.util
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from avserver.audio.jack import jack_client

# Samples; a server without real-time rights on a busy machine does better with long ones.
PERIOD = 1024


class JackServer:
    """`jackd` with its dummy driver, which runs by the clock. May be killed and started again under the same name.

    The name is put into JACK_DEFAULT_SERVER, where every client of this process and its children finds it.
    """

    def __init__(self, monkeypatch, rate_hz=48_000):
        self.name = f"avserver-test-{os.getpid()}"
        self.rate_hz = rate_hz
        monkeypatch.setenv("JACK_DEFAULT_SERVER", self.name)
        self._process = None

    def start(self):
        program = ["jackd", "--no-realtime", "-n", self.name, "-d", "dummy", "-r", str(self.rate_hz), "-p", str(PERIOD)]
        self._process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        jack = jack_client()
        for _ in range(100):
            try:
                jack.Client("avserver-test-probe", no_start_server=True).close()
            except jack.JackOpenError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("jackd does not answer")

    def kill(self):
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self):
        """End it in good order. One that was killed is started once more: else its name, one of eight, stays taken."""
        if self._process is None:
            self.start()
        self._process.terminate()
        self._process.wait()
        self._process = None

    @contextmanager
    def player(self, name, *arguments):
        """Run jack_player.py."""
        script = Path(__file__).with_name("jack_player.py")
        process = subprocess.Popen(
            [sys.executable, str(script), name, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.stdin.close()  # it leaves by itself; for one that was killed the server would wait for seconds
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def installed():
    """Tell whether a JACK server and PortAudio are here."""
    return shutil.which("jackd") is not None and ctypes.util.find_library("portaudio") is not None
