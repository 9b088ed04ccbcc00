"""Addresses of this machine: which only it can reach, who has them, and sockets bound to them."""

import errno
import ipaddress
import socket
import stat
from pathlib import Path

from avserver.errors import AddressInUse, ConfigError


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine reaches `host`, a name or an IP address (v6 with or without brackets)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def outside_name(host: str) -> str:
    """Return how other machines call who listens on `host`: of 0.0.0.0 and ::, an address that this machine has."""
    try:
        if not ipaddress.ip_address(host).is_unspecified:
            return host
    except ValueError:  # a name
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; an address for documents (RFC 5737), routed as any other
        except OSError:  # no network
            return socket.gethostname()
        return str(probe.getsockname()[0])


def refuse_exposed(host: str, insecure: bool, *, name: str, section: str, why: str) -> None:
    """Refuse a host that other machines reach, unless the show file says `insecure`. Raises ConfigError.

    Args:
        host: a name or an IP address.
        insecure: whether it was asked for.
        name: what listens there, for messages.
        section: of the show file, for messages.
        why: what others could do there, for messages.
    """
    if not insecure and not is_loopback(host):
        raise ConfigError(
            f"{name} on {host} can be reached by other machines, where {why}; allowed: 127.0.0.1, ::1, localhost, "
            f"or any with insecure = true in [{section}]"
        )


def bound_socket(host: str, port: int, kind: socket.SocketKind, *, name: str, choose: str) -> socket.socket:
    """Return a socket of that kind, bound to host:port (port 0: a free one).

    Args:
        host: a name or an IP address.
        port: 0 to 65535.
        kind: SOCK_DGRAM or SOCK_STREAM.
        name: what listens there, for messages.
        choose: how to choose another port, for messages.

    Raises AddressInUse if somebody has the port, ConfigError if the address is not one to listen on.
    """
    if not 0 <= port <= 65535:  # the C library would take it modulo 65536
        raise ConfigError(f"a port for {name} is a number from 0 to 65535, got {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as err:
        raise ConfigError(f"{name} cannot listen on {host}:{port}: {err}") from err
    try:
        if kind is socket.SOCK_STREAM:
            # Without it a port stays taken for a minute after a show with viewers has ended.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as err:
        sock.close()
        if err.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{name} port {port} on {host} is in use; choose another with {choose}") from err
        raise ConfigError(f"{name} cannot listen on {host}:{port}: {err.strerror}") from err
    return sock


def ipc_path(address: str) -> Path | None:
    """Return the socket file of a ZeroMQ address, None if it has none (TCP, a wildcard, Linux's abstract names)."""
    name = address.removeprefix("ipc://")
    return None if name in (address, "*") or name.startswith("@") else Path(name)


def refuse_taken_path(address: str, *, choose: str) -> None:
    """Refuse a ZeroMQ address whose file is not a left-over socket: ZeroMQ itself would replace it silently.

    `choose` is how to choose another address, for messages. Raises AddressInUse, or ConfigError for another file.
    """
    path = ipc_path(address)
    if path is None or not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ConfigError(f"{path} exists and is not a socket; choose another with {choose}")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except OSError as err:
            raise AddressInUse(
                f"ZeroMQ address {address} cannot be had ({err.strerror}); choose another with {choose}"
            ) from err
    raise AddressInUse(f"ZeroMQ address {address} is in use; choose another with {choose}")
