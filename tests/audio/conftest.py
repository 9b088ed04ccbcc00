import pytest
from jack_server import JackServer, installed

from tests.conftest import missing


@pytest.fixture
def start_jack(monkeypatch):
    """A function that starts a JACK server at a rate (Hz)."""
    if not installed():
        missing("no JACK server: install jackd2 and libportaudio2")
    servers = []

    def start(rate_hz=48_000):
        servers.append(JackServer(monkeypatch, rate_hz))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def jack_server(start_jack):
    """A JACK server that has been started."""
    return start_jack()
