"""Large dictionaries are freed a little with each batch, and they end."""

import sys

import pytest

from fare_engine.discarded import FREED_KEYS, Discarded
from fare_engine.journey import BLANK
from fare_engine.ledger.sqlite.index.memtable import Memtable
from fare_engine.states.memory import MemoryStates

MANY = 10 * FREED_KEYS


@pytest.mark.parametrize("rows", [1, FREED_KEYS])
def test_a_batch_frees_more_than_it_adds_and_never_all_at_once(rows: int) -> None:
    discarded = Discarded()
    discarded.add(dict.fromkeys(range(MANY)), {}, dict.fromkeys(range(MANY)))
    freed = []
    while before := len(discarded):
        discarded.free_some(rows)
        freed.append(before - len(discarded))
    assert sum(freed) == 2 * MANY
    assert max(freed) == max(FREED_KEYS, 4 * rows)


def test_states_that_are_forgotten_are_freed_a_little_with_each_tap() -> None:
    cache = MemoryStates(states_max=2 * MANY)
    state = BLANK.replace(number=1)
    unused = sys.getrefcount(state)
    numbers = iter(range(10 * MANY))

    def apply() -> int:
        before = sys.getrefcount(state)
        cache.apply({next(numbers).to_bytes(16, "big"): state})
        return before - sys.getrefcount(state)

    freed = [apply() for _ in range(3 * MANY)]
    assert max(freed) < FREED_KEYS
    assert sys.getrefcount(state) - unused <= 2 * MANY


def test_a_burst_does_not_leave_more_to_free_than_it_frees() -> None:
    memtable = Memtable()
    for first in range(0, 20 * MANY, MANY):
        rows = range(first + 1, first + MANY + 1)
        tokens = [row.to_bytes(16, "big") for row in rows]
        memtable.add(rows, list(map(str, rows)), tokens, rows)
        memtable.start_flush()
        memtable.finish_flush()
        memtable.free_some(MANY)
        assert len(memtable.discarded) == 0
