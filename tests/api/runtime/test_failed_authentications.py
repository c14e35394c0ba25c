"""Requests without a valid key are counted for each peer, for a minute, and limited."""

from dataclasses import dataclass

import pytest

from api.runtime.failed_authentications import PEERS_MAX, FailedAuthentications
from api.runtime.peers import PeerFinder


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failed(clock: Clock) -> FailedAuthentications:
    return FailedAuthentications(PeerFinder(), 3, clock)


def fail(failed: FailedAuthentications, host: str = "192.0.2.1") -> str:
    return failed.count((host, 50_000), []).code


def test_the_limit_is_met_exactly(failed: FailedAuthentications) -> None:
    codes = [fail(failed) for _ in range(5)]
    assert codes == [*["unauthorized"] * 3, *["too-many-failures"] * 2]
    assert (failed.failed, failed.limited) == (5, 2)


def test_other_peers_have_counts_of_their_own(failed: FailedAuthentications) -> None:
    for _ in range(5):
        fail(failed)
    assert fail(failed, "192.0.2.2") == "unauthorized"


def test_a_minute_after_its_first_failure_a_peer_begins_anew(
    failed: FailedAuthentications, clock: Clock
) -> None:
    for _ in range(4):
        fail(failed)
    clock.seconds += 59.5
    refused = failed.count(("192.0.2.1", 50_000), [])
    assert (refused.code, refused.headers[0]) == ("too-many-failures", (b"retry-after", b"1"))
    clock.seconds += 0.5
    assert fail(failed) == "unauthorized"


def test_who_is_limited_learns_when_to_come_back(
    failed: FailedAuthentications, clock: Clock
) -> None:
    for _ in range(3):
        fail(failed)
    clock.seconds += 12.3
    refused = failed.count(("192.0.2.1", 50_000), [])
    assert refused.headers == [(b"retry-after", b"48")]


def test_no_more_peers_are_remembered_than_the_limit(failed: FailedAuthentications) -> None:
    first, last = "10.0.0.0", f"10.{(PEERS_MAX - 1) >> 8}.{(PEERS_MAX - 1) & 255}.0"
    for number in range(PEERS_MAX):
        for _ in range(3):
            fail(failed, f"10.{number >> 8}.{number & 255}.0")
    assert fail(failed, first) == fail(failed, last) == "too-many-failures"
    assert fail(failed, "192.0.2.1") == "unauthorized"  # one more: the oldest is forgotten
    assert fail(failed, first) == "unauthorized"
    assert fail(failed, last) == "too-many-failures"


def test_a_peer_that_begins_anew_is_no_longer_the_oldest(
    failed: FailedAuthentications, clock: Clock
) -> None:
    fail(failed, "192.0.2.1")
    clock.seconds += 60
    for number in range(PEERS_MAX - 1):
        fail(failed, f"10.{number >> 8}.{number & 255}.0")
    for _ in range(4):
        fail(failed, "192.0.2.1")
    fail(failed, "192.0.2.2")
    assert fail(failed, "192.0.2.1") == "too-many-failures"
