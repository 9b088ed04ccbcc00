"""Addresses of this machine: which only it can reach, and sockets bound to them."""

import errno
import ipaddress
import socket

from avserver.errors import AddressInUse, ConfigError


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine reaches `host`, a name or an IP address (v6 with or without brackets)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


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
