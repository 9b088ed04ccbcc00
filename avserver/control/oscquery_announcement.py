"""Announcement: tells the network by zeroconf (mDNS) where OSCQuery and OSC are. Lives in the web thread."""

import asyncio
import ipaddress
import logging
import socket

import psutil
from zeroconf import Error, InterfaceChoice, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from avserver.addresses import is_loopback

OSCQUERY_TYPE, OSC_TYPE = "_oscjson._tcp.local.", "_osc._udp.local."

_LOG = logging.getLogger(__name__)
_LONGEST_LABEL = 63  # bytes of a name in DNS


class Announcement:
    """Announces two services on the interfaces where they can be reached, and takes it back in the end.

    Args:
        name: of the server, for people; one that is taken gets a number.
        oscquery: (host, port) of the HTTP server, as bound.
        osc: (host, port) of OSC over UDP, as bound.
    """

    def __init__(self, name: str, *, oscquery: tuple[str, int], osc: tuple[str, int]) -> None:
        self._name = name.encode()[:_LONGEST_LABEL].decode(errors="ignore").replace(".", "-")
        self._oscquery = oscquery
        self._osc = osc

    async def keep(self) -> None:
        """Announce until cancelled. Where there is no network it says so once, and nothing is announced."""
        try:
            zeroconf = self._zeroconf()
        except (OSError, Error) as err:
            _LOG.warning("OSCQuery is not announced: %s", err)
            return
        try:
            for service in self._services():
                await (await zeroconf.async_register_service(service, allow_name_change=True))
            await asyncio.Event().wait()
        except (OSError, Error) as err:
            _LOG.warning("OSCQuery is not announced: %s", err or type(err).__name__)
        finally:
            await zeroconf.async_close()

    def _zeroconf(self) -> AsyncZeroconf:
        host = self._oscquery[0]
        if _is_anywhere(host):
            return AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only)
        address = _ip(host)
        return AsyncZeroconf(interfaces=[address], ip_version=IPVersion.V6Only if ":" in address else IPVersion.V4Only)

    def _services(self) -> list[AsyncServiceInfo]:
        services = [self._service(OSCQUERY_TYPE, *self._oscquery)]
        # What only this machine reaches is of no use to the others.
        if is_loopback(self._oscquery[0]) or not is_loopback(self._osc[0]):
            services.append(self._service(OSC_TYPE, *self._osc))
        return services

    def _service(self, kind: str, host: str, port: int) -> AsyncServiceInfo:
        if not _is_anywhere(host):
            addresses = [_ip(host)]
        elif _is_anywhere(self._oscquery[0]):
            addresses = _own_addresses()
        else:
            addresses = [_ip(self._oscquery[0])]
        return AsyncServiceInfo(
            kind,
            f"{self._name}.{kind}",
            port=port,
            parsed_addresses=addresses,
            properties={"txtvers": "1"},
            server=f"avserver-{self._oscquery[1]}-{socket.gethostname().partition('.')[0]}.local.",
        )


def _is_anywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _ip(host: str) -> str:
    """Return the address of a host that is bound to, whose name resolves therefore."""
    return str(socket.getaddrinfo(host, None)[0][4][0])


def _own_addresses() -> list[str]:
    """Return the IPv4 addresses at which other machines reach this one."""
    cards = psutil.net_if_addrs().values()
    found = [each.address for card in cards for each in card if each.family == socket.AF_INET]
    return [address for address in found if not is_loopback(address)] or found
