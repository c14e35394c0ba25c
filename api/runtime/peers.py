"""Peers: whom a request comes from, so that what one of them does wrong is counted as theirs alone.

A peer is the address of the socket. Where that address is a trusted proxy's, it is the last address
of X-Forwarded-For that no trusted proxy has: what stands before it a client may have written
itself. An IPv6 host picks its addresses out of a /64 as it likes, so the /64 is one peer.
"""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from itertools import islice
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

TRUSTED_PROXIES_MAX: Final = 100
HOPS_MAX: Final = 32
"""Addresses of X-Forwarded-For that are looked at, from its end: longer chains are nobody's."""
UNKNOWN: Final = "unknown"
"""The peer of a socket that has lost its address already."""

_ADDRESS_CHARS_MAX: Final = 64
_IPV6_NETWORK_BITS: Final = 64
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_MAPPED_BITS: Final = 96


def parse_trusted_proxies(text: str) -> tuple[Network, ...]:
    """Addresses and CIDR networks, separated by commas.

    ValueError when one of them is neither, has bits set behind its prefix, or would trust everyone.
    """
    written = [part.strip() for part in text.split(",") if part.strip()]
    if len(written) > TRUSTED_PROXIES_MAX:
        raise ValueError(f"at most {TRUSTED_PROXIES_MAX} addresses or networks")
    return tuple(map(_parse_network, written))


def _parse_network(text: str) -> Network:
    network: Network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = network.network_address.ipv4_mapped
        network = ip_network(f"{address}/{network.prefixlen - _MAPPED_BITS}")
    if network.prefixlen == 0:
        raise ValueError(f"{text} would trust everyone")
    return network


def name_host(host: str | None) -> str:
    """The peer of a socket by its address alone: an IPv4 address, an IPv6 network, or `unknown`."""
    address = None if host is None else _find_address(host)
    return UNKNOWN if address is None else _name(address)


class PeerFinder:
    """Names the peer of a request."""

    def __init__(self, trusted_proxies: Sequence[Network] = ()) -> None:
        self._trusted = trusted_proxies

    def is_trusted(self, host: str | None) -> bool:
        """Whether an address, as a socket names it, is a trusted proxy's."""
        address = None if host is None else _find_address(host)
        return address is not None and self._trusts(address)

    def find_peer(
        self, client: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> str:
        """The peer of a request: an IPv4 address, an IPv6 network, or `unknown`.

        `client` is the address and port of the socket; the names of the headers are in lower case.
        """
        address = None if client is None else _find_address(client[0])
        if address is None:
            return UNKNOWN
        if not self._trusts(address):
            return _name(address)
        for text in islice(_list_hops(headers), HOPS_MAX):
            hop = _find_address(text)
            if hop is None:
                break  # no address: the proxy that passed it on answers for it
            address = hop
            if not self._trusts(hop):
                break
        return _name(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _list_hops(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[str]:
    """What X-Forwarded-For says, the last first; repeated headers are one list."""
    values = [value for name, value in headers if name == b"x-forwarded-for"]
    for value in reversed(values):
        for hop in reversed(value.rsplit(b",", HOPS_MAX)):
            yield hop.decode("latin-1").strip(" \t")


def _find_address(text: str) -> Address | None:
    """The address in a text such as `192.0.2.1:80`, `[2001:db8::1]:80` or `::ffff:192.0.2.1`."""
    if len(text) > _ADDRESS_CHARS_MAX:
        return None
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not _is_port(port.removeprefix(":"))):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(port):
            return None
    try:
        address = ip_address(text.partition("%")[0])  # without the zone of a link-local one
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _name(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
