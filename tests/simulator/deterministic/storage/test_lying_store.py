"""The cache outside lies as it is meant to, and is believed only where nothing comes of it."""

import random
from collections.abc import Iterator, Sequence

import pytest

from simulator.deterministic.storage.lying_store import LATE_S, LIES, LyingStore
from simulator.deterministic.virtual_time import VirtualLoop

ANNA, BERTA = b"anna", b"berta"


class Cache:
    """A store with a clock of its own, which lies in one way or in all."""

    def __init__(self, lies: Sequence[str] = LIES) -> None:
        self.loop = VirtualLoop()
        self.store = LyingStore(self.loop, random.Random(1), lies)

    def write(self, token: bytes, *values: bytes) -> None:
        """Write values one after another, and let time pass."""
        for value in values:
            self.store.set_many({token: value})
            self.wait()

    def wait(self) -> None:
        self.loop.call_later(LATE_S, self.loop.stop)
        self.loop.run_forever()

    def get(self, token: bytes) -> bytes | None:
        (value,) = self.store.get_many([token])
        return value


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    cache = Cache((request.param,) if hasattr(request, "param") else LIES)
    yield cache
    cache.loop.close()


def lie_with(cache: Cache) -> None:
    cache.store.lies_share = 1.0


def test_without_lies_it_holds_what_was_written_last_a_little_later(cache: Cache) -> None:
    cache.store.set_many({ANNA: b"1"})
    assert cache.get(ANNA) is None
    cache.wait()
    assert cache.get(ANNA) == b"1"
    cache.store.delete_many([ANNA])
    cache.wait()
    assert cache.get(ANNA) is None
    assert cache.store.lies == 0


def test_flushed_it_holds_nothing(cache: Cache) -> None:
    cache.write(ANNA, b"1")
    cache.store.flush()
    assert cache.get(ANNA) is None


@pytest.mark.parametrize(
    ("cache", "found"),
    [
        ("nothing", {None}),
        ("old", {b"1", b"2"}),
        ("swapped", {b"2", b"9"}),
        ("flipped", {bytes((b"2"[0] ^ 1 << bit,)) for bit in range(8)}),
    ],
    indirect=["cache"],
)
def test_a_read_gives_something_else(cache: Cache, found: set[bytes | None]) -> None:
    cache.write(ANNA, b"1", b"2")
    cache.write(BERTA, b"9")
    lie_with(cache)
    assert {cache.get(ANNA) for _ in range(100)} == found


@pytest.mark.parametrize(("cache", "held"), [("lost", b"1"), ("late", b"2")], indirect=["cache"])
def test_a_write_gets_lost_or_comes_late(cache: Cache, held: bytes) -> None:
    cache.write(ANNA, b"1")
    lie_with(cache)
    cache.store.set_many({ANNA: b"2"})
    cache.store.lies_share = 0.0
    assert cache.get(ANNA) == b"1"
    cache.wait()
    assert cache.get(ANNA) == held


def test_every_kind_of_lie_is_tried_here() -> None:
    assert set(LIES) == {"nothing", "old", "swapped", "flipped", "lost", "late"}
