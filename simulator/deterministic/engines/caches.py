"""The cache of an engine: in its memory where it is alone, else one outside that all share."""

import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from fare_engine.catalogue import Catalogue
from fare_engine.journey import TokenState
from fare_engine.ports import StateCache
from fare_engine.states.memory import MemoryStates
from fare_engine.states.sealed import Seal, SealedStates
from simulator.deterministic.engines.shared import TOKEN_KEY, Shared
from simulator.deterministic.storage.shared_ledger import SharedLedger

SIZES: Final = (4, 1_000)
"""States that a cache in memory remembers: often it is too small."""

Apply = Callable[[Callable[[], None]], None]


class SharedStates:
    """The sealed cache outside (`fare_engine.ports.StateCache`), by the epoch of the connection.

    `apply` has something done after the answers, if the engine still lives then. Tokens are sorted,
    so that the same seed has the same lies.
    """

    def __init__(self, sealed: SealedStates, ledger: SharedLedger, apply: Apply) -> None:
        self._sealed = sealed
        self._ledger = ledger
        self._apply = apply
        self._epoch = 0

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """The states that are held and sealed by this epoch."""
        self._check_epoch()
        return self._sealed.find(sorted(tokens))

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """Hold states that are durable, soon."""
        self._check_epoch()
        self._apply(partial(self._sealed.apply, dict(sorted(states.items()))))

    def forget(self, tokens: Iterable[bytes]) -> None:
        """Hold nothing of these tokens."""
        self._sealed.forget(sorted(tokens))

    def _check_epoch(self) -> None:
        if self._epoch != self._ledger.epoch:
            self._epoch = self._ledger.epoch
            self._sealed.seal = Seal(TOKEN_KEY, str(self._epoch))


def make_cache(
    shared: Shared,
    chance: random.Random,
    ledger: SharedLedger,
    get_catalogue: Callable[[], Catalogue],
    apply: Apply,
) -> StateCache:
    """What an engine remembers states in."""
    if shared.engines == 1:
        return MemoryStates(chance.choice(SIZES))
    sealed = SealedStates(shared.store, Seal(TOKEN_KEY, ""), get_catalogue)
    return SharedStates(sealed, ledger, apply)
