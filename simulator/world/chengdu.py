"""The metro of a whole simulated network: Chengdu's, with example gates wherever it has none.

The network file has gates at seven stations, made up to try the engine with. Here every other
station gets some too, and three more stations a crossing policy. All of that is EXAMPLE, as the
file's own gates are: neither gates nor policies are those of the real stations.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from fare_engine.distances import find_distances
from fare_engine.network import Direction, Exit, Gate, Name, Network
from fare_engine.network_file import read_builtin
from fare_engine.policy import Policy
from fare_engine.tariff import MINUTE_MS
from simulator.world.metro import CARD, CODE, GateFacts, Metro, PolicyFacts, StationFacts
from simulator.world.metro import build_metro as build

BUILTIN: Final = "chengdu"
EXITS: Final = ("A", "B")
LANES: Final = (
    frozenset({Direction.ENTRY}),
    frozenset({Direction.EXIT}),
    frozenset(Direction),
)
"""The gates of each example exit: one in, one out, one for both."""


class WorldNetwork(NamedTuple):
    """A network in which every station has gates, and the policies of its crossing lanes."""

    network: Network
    policies: tuple[Policy, ...]
    example_gates: int
    """Gates that were added to those of the network file."""


@cache
def make_network() -> WorldNetwork:
    """Chengdu's network as the world has it."""
    file = read_builtin(BUILTIN)
    assert file.pilot is not None, "the built-in network names a pilot"
    network = file.network
    equipped = {gate.station_id for gate in network.gates}
    bare = [
        station.station_id for station in network.stations if station.station_id not in equipped
    ]
    added = tuple(gate for station_id in bare for gate in _make_gates(station_id))
    exits = tuple(
        Exit(station_id, exit_id, Name(f"{exit_id}口（示例）", f"Exit {exit_id} (example)"))
        for station_id in bare
        for exit_id in EXITS
    )
    since_ms = file.pilot.effective_from_ms
    both = frozenset({CARD, CODE})
    examples = (
        _make_policy("TFGC", 20, both, None, since_ms),
        _make_policy("CDDKZ", 15, both, 4, since_ms),
        _make_policy("HCNZ", 10, frozenset({CARD}), None, since_ms),
    )
    return WorldNetwork(
        replace(network, gates=network.gates + added, exits=network.exits + exits),
        (file.pilot, *examples),
        len(added),
    )


@cache
def make_metro() -> Metro:
    """The columns of Chengdu's metro."""
    world = make_network()
    return build(list_facts(world.network, world.policies), find_distances(world.network))


def list_facts(network: Network, policies: Sequence[Policy]) -> list[StationFacts]:
    """What passengers know of a network. A station of several lines is wanted more."""
    lines: Counter[str] = Counter()
    for station_id, _ in {
        (station_id, segment.line_id)
        for segment in network.segments
        for station_id in (segment.from_station_id, segment.to_station_id)
    }:
        lines[station_id] += 1
    policy_of = {policy.station_id: policy for policy in policies}
    gates: dict[str, list[GateFacts]] = {}
    for gate in network.gates:
        policy = policy_of.get(gate.station_id)
        designated = policy is not None and gate.gate_id in policy.designated_gates
        facts = GateFacts(gate.gate_id, gate.directions, designated)
        gates.setdefault(gate.station_id, []).append(facts)
    return [
        StationFacts(
            station.station_id,
            station.name.zh,
            tuple(gates.get(station.station_id, ())),
            _make_policy_facts(policy_of.get(station.station_id)),
            # Quarters of a city differ: some stations are wanted four times as much as others.
            max(1, lines[station.station_id]) * (1 + place * 7 % 4),
        )
        for place, station in enumerate(network.stations)
    ]


def _make_policy_facts(policy: Policy | None) -> PolicyFacts | None:
    if policy is None:
        return None
    return PolicyFacts(policy.window_ms, policy.media, policy.daily_limit)


def _make_gates(station_id: str) -> list[Gate]:
    return [
        Gate(f"{station_id}-{exit_id}-{number:02}", station_id, directions, exit_id)
        for exit_id in EXITS
        for number, directions in enumerate(LANES, 1)
    ]


def _make_policy(
    station_id: str, minutes: int, media: frozenset[str], limit: int | None, since_ms: int
) -> Policy:
    """An example policy: the gates at exit A are the crossing lane."""
    designated = frozenset(f"{station_id}-A-{number:02}" for number in (1, 2))
    return Policy(
        station_id,
        1,
        minutes * MINUTE_MS,
        media,
        designated,
        since_ms,
        daily_limit=limit,
        note="示例 / example",
    )
