"""Without a cache every state is missed, and the ledger is asked."""

from fare_engine.journey import BLANK
from fare_engine.states.none import NoStates


def test_nothing_is_remembered() -> None:
    cache = NoStates()
    cache.apply({b"a": BLANK})
    assert cache.find([b"a"]) == {}
    cache.forget([b"a"])
