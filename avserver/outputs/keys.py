"""Keys: who may have the frames that a ZeroMQ output encrypts (CURVE, rfc.zeromq.org/spec/26).

Each key is 32 bytes, written as 40 characters (Z85). Two JSON files hold them: that of the server its own pair and the
public keys of the clients that it lets in, that of a client its own pair and the public key of the server.
"""

import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from avserver.errors import ConfigError

_SERVER, _CLIENT = ".server.json", ".client.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The keys of a server, in Z85.

    Attributes:
        public: what clients know it by.
        secret: what only it knows.
        clients: the public keys of the clients that it lets in.
    """

    public: bytes
    secret: bytes = field(repr=False)
    clients: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where new keys were written."""

    server: Path
    client: Path


def write_new_keys(name: str, folder: Path, *, force: bool = False) -> KeyFiles:
    """Make keys for a server and a client, and write them into files of that name that only this user can read.

    Raises ConfigError for a name that is no plain word, files that exist (unless `force`), a folder that cannot be had.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"keys are called by a word of letters, digits, _ and -, got {name!r}")
    files = KeyFiles(folder / (name + _SERVER), folder / (name + _CLIENT))
    for path in (files.server, files.client):
        if path.exists() and not force:
            raise ConfigError(f"{path} exists; --force makes new keys, and clients with the old ones are refused")
    (public, secret), (client_public, client_secret) = _pair(), _pair()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(files.server, {"public": public, "secret": secret, "clients": [client_public]})
        _write(files.client, {"server": public, "public": client_public, "secret": client_secret})
    except OSError as err:
        raise ConfigError(f"cannot write keys into {folder}: {err.strerror}") from err
    return files


def read_server_keys(path: Path) -> ServerKeys:
    """Read the keys of a server from their file, or from the folder that holds one such file.

    Raises ConfigError if there is none, or several, if others can read it, or if it holds something else.
    """
    path = _only_one(path) if path.is_dir() else path
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"the keys in {path} can be read by others; close them with: chmod 600 {path}")
        plain = json.loads(path.read_text(encoding="ascii"))
    except OSError as err:
        raise ConfigError(f"cannot read the keys {path}: {err.strerror}; avserver keys new makes some") from err
    except ValueError as err:
        raise ConfigError(f"{path} holds no keys of a server: {err}") from err
    return _server_keys(path, plain)


def _server_keys(path: Path, plain: Any) -> ServerKeys:
    if not isinstance(plain, dict) or set(plain) != {"public", "secret", "clients"}:
        raise ConfigError(f"{path} holds no keys of a server; expected public, secret and clients, as in *{_SERVER}")
    clients = plain["clients"]
    if not isinstance(clients, list) or not clients:
        raise ConfigError(f"clients in {path} is a list of public keys, one at least, got {clients!r}")
    for key in (plain["public"], plain["secret"], *clients):
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ConfigError(f"a key in {path} is not one; it has 40 characters (Z85)")
    public, secret = plain["public"].encode("ascii"), plain["secret"].encode("ascii")
    if zmq.curve_public(secret) != public:
        raise ConfigError(f"the public key in {path} does not belong to the secret one")
    return ServerKeys(public, secret, frozenset(key.encode("ascii") for key in clients))


def _only_one(folder: Path) -> Path:
    found = sorted(folder.glob(f"*{_SERVER}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ConfigError(f"expected one *{_SERVER} in the folder {folder}, found {names}; name the file")
    return found[0]


def _pair() -> tuple[str, str]:
    """Return a new public key and its secret one."""
    public, secret = zmq.curve_keypair()
    return public.decode("ascii"), secret.decode("ascii")


def _write(path: Path, plain: dict[str, Any]) -> None:
    """Write a file that nobody else can read at any time."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(json.dumps(plain, indent=1) + "\n")
