"""The rule alone: taps a second through `matching.decide`, with duplicates checked."""

import gc
import time
from collections.abc import Sequence

from benchmarks.metro import as_tap
from benchmarks.workload import (
    GATES_A_STATION,
    PILOTS,
    Workload,
    gate_id,
    make_network,
    station_id,
)
from fare_engine.catalogue import Catalogue
from fare_engine.distances import find_distances
from fare_engine.journey import BLANK, Terms, TokenState
from fare_engine.matching import decide
from fare_engine.network import CHENGDU_BANDS, FareTable, Gate
from fare_engine.policy import Policy
from fare_engine.tap import Tap
from fare_engine.tariff import Tariff

Placed = tuple[Tap, Gate, Terms]
"""A tap, with its gate and what is in force there."""


def taps_a_second(count: int) -> float:
    """Decide so many taps of the workload, made beforehand."""
    placed = place_taps(count)
    gc.collect()
    gc.disable()  # as in a server, whose long-lived objects are frozen
    begun = time.perf_counter()
    decide_all(placed)
    taken = time.perf_counter() - begun
    gc.enable()
    return count / taken


def place_taps(count: int) -> list[Placed]:
    """So many taps of the workload, each where it happens."""
    catalogue = make_catalogue()
    placed = []
    for tap in map(as_tap, Workload().mixed(count)):
        gate = catalogue.gates[tap.gate_id]
        terms = catalogue.find_terms(gate.station_id, tap.occurred_at_ms)
        assert terms is not None
        placed.append((tap, gate, terms))
    return placed


def decide_all(placed: Sequence[Placed]) -> dict[bytes, TokenState]:
    """Decide them in order, each tap_id once; the states they leave."""
    states: dict[bytes, TokenState] = {}
    known: set[str] = set()
    row = 0
    for tap, gate, terms in placed:
        if tap.tap_id in known:
            continue
        known.add(tap.tap_id)
        row += 1
        token = tap.token
        _, states[token] = decide(states.get(token, BLANK), tap, gate, terms, row)
    return states


def make_catalogue() -> Catalogue:
    """What is in force in the workload's metro."""
    network = make_network()
    fares = FareTable(find_distances(network), CHENGDU_BANDS)
    policies = {}
    for number in range(PILOTS):
        station = station_id(number)
        gates = frozenset(gate_id(number, gate) for gate in range(GATES_A_STATION))
        media = frozenset({"tianfutong"})
        policies[station] = (Policy(station, 1, 15 * 60_000, media, gates, 0),)
    tariff = Tariff(1, 0, fares, discounts_percent={"tianfutong": 10})
    return Catalogue(network, policies, tariffs=(tariff,))
