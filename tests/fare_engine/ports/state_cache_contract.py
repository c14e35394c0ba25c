"""What every cache of token states does: run by each of them with a small class of its own."""

from abc import ABC, abstractmethod
from typing import Final

import pytest

from fare_engine.catalogue import Catalogue
from fare_engine.journey import BLANK, TokenState, open_journey
from fare_engine.network import Gate
from fare_engine.ports import StateCache
from tests.fare_engine.small_metro import NETWORK, NOON_MS, PILOT, TARIFF, make_token

CATALOGUE: Final = Catalogue(NETWORK, {"FHY": (PILOT,)}, {}, (TARIFF,))
ANNA, BERTA, CHEN = map(make_token, ("anna", "berta", "chen"))


def make_state(number: int, catalogue: Catalogue = CATALOGUE) -> TokenState:
    """The state of a passenger inside, after so many taps."""
    gate: Gate = catalogue.gates["FHY-A-01"]
    terms = catalogue.find_terms(gate.station_id, NOON_MS)
    assert terms is not None
    journey = open_journey("g.1", gate.gate_id, gate.station_id, NOON_MS, terms, number)
    return TokenState(journey, NOON_MS, number, 1 << 22 | 3, None, 0, number)


LEFT: Final = BLANK.replace(clock_ms=NOON_MS, number=2, exit_station_id="FHY", exit_ms=5, row=7)


class StateCacheContract(ABC):
    """The tests; `make` makes an empty cache, for the small metro's catalogue."""

    @abstractmethod
    def make(self) -> StateCache:
        """An empty cache that loses nothing of its own while it is small."""

    @pytest.fixture
    def cache(self) -> StateCache:
        return self.make()

    def test_an_empty_cache_finds_nothing(self, cache: StateCache) -> None:
        assert cache.find([ANNA, BERTA]) == {}
        assert cache.find([]) == {}

    def test_states_that_were_applied_are_found_as_they_were(self, cache: StateCache) -> None:
        states = {ANNA: make_state(1), BERTA: LEFT, CHEN: BLANK.replace(number=2)}
        cache.apply(states)
        assert cache.find([ANNA, BERTA, CHEN, make_token("dora")]) == states
        assert cache.find(iter([BERTA])) == {BERTA: LEFT}

    def test_a_later_state_takes_the_place_of_an_earlier_one(self, cache: StateCache) -> None:
        cache.apply({ANNA: make_state(1), BERTA: make_state(1)})
        cache.apply({ANNA: LEFT})
        assert cache.find([ANNA, BERTA]) == {ANNA: LEFT, BERTA: make_state(1)}

    def test_what_was_forgotten_is_not_found(self, cache: StateCache) -> None:
        cache.apply({ANNA: make_state(1), BERTA: LEFT})
        cache.forget([ANNA, CHEN])
        assert cache.find([ANNA, BERTA, CHEN]) == {BERTA: LEFT}
        cache.apply({ANNA: LEFT})
        assert cache.find([ANNA]) == {ANNA: LEFT}
        cache.forget(iter([ANNA, BERTA]))
        assert cache.find([ANNA, BERTA]) == {}

    def test_what_is_found_may_be_changed_by_who_asked(self, cache: StateCache) -> None:
        cache.apply({ANNA: LEFT})
        found = cache.find([ANNA])
        found[BERTA] = found.pop(ANNA)
        assert cache.find([ANNA, BERTA]) == {ANNA: LEFT}
