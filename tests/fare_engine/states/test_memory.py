"""The index in memory remembers what was touched last, and has a limit."""

from fare_engine.journey import BLANK
from fare_engine.states.memory import MemoryStates


def _token(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_what_was_applied_is_found_and_what_was_forgotten_is_not() -> None:
    index = MemoryStates()
    state = BLANK.replace(number=7)
    index.apply({_token(1): state, _token(2): BLANK})
    assert index.find([_token(1), _token(3)]) == {_token(1): state}
    index.forget([_token(1), _token(3)])
    assert index.find([_token(1), _token(2)]) == {_token(2): BLANK}


def test_it_never_remembers_more_than_its_limit_and_keeps_the_latest() -> None:
    index = MemoryStates(states_max=10)
    for number in range(100):
        index.apply({_token(number): BLANK})
        assert len(index) <= 10
    assert index.find([_token(99), _token(98), _token(97)]).keys() == {
        _token(99),
        _token(98),
        _token(97),
    }
    assert not index.find([_token(0)])
