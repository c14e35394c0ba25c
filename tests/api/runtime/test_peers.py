"""Whom a request comes from: by its socket, or by what a trusted proxy says."""

import pytest

from api.runtime.peers import HOPS_MAX, UNKNOWN, PeerFinder, name_host, parse_trusted_proxies

PROXY = "10.0.0.2"


def find(host: str | None, *forwarded: str, trusted: str = "10.0.0.0/24, fd00::2") -> str:
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    finder = PeerFinder(parse_trusted_proxies(trusted))
    client = None if host is None else (host, 50_000)
    return finder.find_peer(client, [(b"host", b"fare-engine"), *headers])


def test_without_a_trusted_proxy_the_peer_is_the_address_of_the_socket() -> None:
    assert find("192.0.2.7") == "192.0.2.7"
    assert find("192.0.2.7", "198.51.100.1") == "192.0.2.7"
    assert find(PROXY, "198.51.100.1", trusted="") == PROXY


def test_behind_a_trusted_proxy_the_peer_is_the_last_address_that_no_proxy_has() -> None:
    assert find(PROXY, "198.51.100.1") == "198.51.100.1"
    assert find(PROXY, "203.0.113.9, 198.51.100.1") == "198.51.100.1"
    assert find(PROXY, "203.0.113.9, 198.51.100.1, 10.0.0.3") == "198.51.100.1"
    assert find("fd00::2", "198.51.100.1") == "198.51.100.1"


def test_repeated_headers_are_one_list() -> None:
    assert find(PROXY, "203.0.113.9", "198.51.100.1, 10.0.0.3") == "198.51.100.1"


def test_a_proxy_that_says_nothing_is_the_peer_itself() -> None:
    assert find(PROXY) == PROXY
    assert find(PROXY, "") == PROXY
    assert find(PROXY, "10.0.0.3, 10.0.0.4") == "10.0.0.3"


@pytest.mark.parametrize(
    "malformed",
    [
        *("unknown", "_hidden", "198.51.100", "198.51.100.1.1", "198.51.100.01", "0x7f.1"),
        *("198.51.100.1:", "198.51.100.1:x", "198.51.100.1:123456", "198.51.100.1:٣"),
        *("[198.51.100.1", "[2001:db8::1]x", "[2001:db8::1]:", "[]", "::g", '"198.51.100.1"'),
        *("198.51.100.1 198.51.100.2", "198.51.100.1\x0b", "1" * 10_000, "", "é"),
    ],
)
def test_what_is_no_address_never_stands_for_another_peer(malformed: str) -> None:
    """Nor does what stands before it: the address that passed it on stands for it."""
    assert find(PROXY, f"203.0.113.9, {malformed}") == PROXY
    assert find(PROXY, f"203.0.113.9, {malformed}, 10.0.0.3") == "10.0.0.3"


def test_ports_and_brackets_do_not_make_another_peer() -> None:
    assert find(PROXY, "198.51.100.1:50312") == "198.51.100.1"
    for text in ("2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:50312"):
        assert find(PROXY, text) == "2001:db8::/64"


def test_a_slash_64_of_ipv6_is_one_peer() -> None:
    assert (
        find("2001:db8:0:7::1") == find("2001:db8:0:7:ffff:ffff:ffff:ffff") == "2001:db8:0:7::/64"
    )
    assert find("2001:db8:0:8::1") == "2001:db8:0:8::/64"
    assert find("fe80::1%eth0") == find("fe80::2%eth1") == "fe80::/64"


def test_an_ipv4_address_in_ipv6_is_that_of_ipv4() -> None:
    assert find("::ffff:192.0.2.7") == "192.0.2.7"
    assert find("::ffff:10.0.0.2", "198.51.100.1") == "198.51.100.1"
    assert find(PROXY, "::ffff:198.51.100.1") == "198.51.100.1"
    assert find("10.0.0.2", "198.51.100.1", trusted="::ffff:10.0.0.0/120") == "198.51.100.1"


def test_no_chain_is_followed_for_ever() -> None:
    assert (
        find(PROXY, ", ".join(["198.51.100.1", *["10.0.0.3"] * (HOPS_MAX - 1)])) == "198.51.100.1"
    )
    assert find(PROXY, ", ".join(["198.51.100.1", *["10.0.0.3"] * HOPS_MAX])) == "10.0.0.3"
    assert find(PROXY, *["198.51.100.1", *["10.0.0.3"] * HOPS_MAX]) == "10.0.0.3"


def test_a_socket_without_an_address_has_a_peer_too() -> None:
    assert find(None, "198.51.100.1") == UNKNOWN


def test_which_addresses_are_trusted_can_be_asked() -> None:
    finder = PeerFinder(parse_trusted_proxies("10.0.0.0/24"))
    assert finder.is_trusted("10.0.0.9")
    assert finder.is_trusted("::ffff:10.0.0.9")
    assert not finder.is_trusted("10.0.1.9")
    assert not finder.is_trusted(None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.2/24", "has host bits set"),
        ("proxy.example", "does not appear to be"),
        ("*", "does not appear to be"),
        ("0.0.0.0/0", "trust everyone"),
        ("::/0", "trust everyone"),
        ("::ffff:0.0.0.0/96", "trust everyone"),
        (",".join(["10.0.0.2"] * 101), "at most 100"),
    ],
)
def test_trusted_proxies_that_make_no_sense_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_trusted_proxies(text)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
    ],
)
def test_a_peer_is_what_one_host_can_choose_from(host: str | None, peer: str) -> None:
    assert name_host(host) == peer
