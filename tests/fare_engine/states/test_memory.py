"""The cache in memory keeps the contract of caches, and remembers the latest up to a limit."""

from fare_engine.journey import BLANK
from fare_engine.states.memory import MemoryStates
from tests.fare_engine.ports.state_cache_contract import StateCacheContract


class TestMemoryStates(StateCacheContract):
    def make(self) -> MemoryStates:
        return MemoryStates()


def _token(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_it_never_remembers_more_than_its_limit_and_keeps_the_latest() -> None:
    cache = MemoryStates(states_max=10)
    for number in range(100):
        cache.apply({_token(number): BLANK})
        assert len(cache) <= 10
    assert cache.find([_token(99), _token(98), _token(97)]).keys() == {
        _token(99),
        _token(98),
        _token(97),
    }
    assert not cache.find([_token(0)])
