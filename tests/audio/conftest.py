import pytest
from jack_server import JackServer, installed

from tests.conftest import missing


@pytest.fixture
def jack_server(monkeypatch):
    """A JACK server that has been started."""
    if not installed():
        missing("no JACK server: install jackd2")
    server = JackServer(monkeypatch)
    server.start()
    yield server
    server.stop()
