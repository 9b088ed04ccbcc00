import shutil
from collections.abc import Iterator

import pytest

from tests.audio.jack_server import JackServer
from tests.conftest import missing


@pytest.fixture
def jack_midi(monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    """A JACK server that has been started: it carries real MIDI between real ports, without a sound card or ALSA."""
    if shutil.which("jackd") is None:
        missing("no JACK server: install jackd2")
    pytest.importorskip("rtmidi", reason="python-rtmidi has no wheels for Python 3.13")
    server = JackServer(monkeypatch)
    server.start()
    yield server
    server.stop()
