"""What belongs to whom, by one catalogue: gates to the keys of their stations, tap_ids to gates.

A tap_id that begins with the id of a gate is that gate's. Gates make their own tap_ids, and the
next ones can be guessed. So a gate key that speaks for other gates must not use them up: asked for
every new tap, hence a check that nearly always ends at once.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from api.http.auth import speaks_for
from fare_engine.access_key import Key
from fare_engine.network import Gate
from fare_engine.tap import Tap

KEYS_MAX: Final = 1_000
"""Keys whose foreign gates are remembered: one controller a station, and many to spare."""

_get_tap_id: Final = attrgetter("tap_id")
_get_gate_id: Final = attrgetter("gate_id")


class Ownership:
    """The gates of one catalogue, and what is found out about them once."""

    def __init__(self, gates: Mapping[str, Gate]) -> None:
        self._gates = gates
        self._foreign: dict[Key, frozenset[str]] = {}
        self._dots_max = 1 + max((gate_id.count(".") for gate_id in gates), default=0)
        ordered = sorted(gates)
        # In this order an id that begins others stands right before one of them.
        unclear = {before for before, after in pairwise(ordered) if after.startswith(before)}
        self._clear = {gate_id for gate_id in gates if "." not in gate_id} - unclear
        """A tap_id that begins with one of these, dot or not, can name no other gate."""

    def find_other(self, tap: Tap) -> Gate | None:
        """The gate that a tap_id names, where it is not the tap's own.

        A leading part of the tap_id names it, up to a dot; where several do, the longest counts.
        """
        if tap.tap_id.startswith(tap.gate_id) and tap.gate_id in self._clear:
            return None
        named = self._find_named(tap.tap_id)
        return None if named is None or named.gate_id == tap.gate_id else named

    def list_others(self, taps: Sequence[Tap]) -> list[tuple[int, Gate]]:
        """The taps whose tap_ids name another gate, by their places, with that gate."""
        if self._clear.issuperset(map(_get_gate_id, taps)) and all(
            map(str.startswith, map(_get_tap_id, taps), map(_get_gate_id, taps))
        ):
            return []  # the usual batch, in a tenth of a microsecond a tap
        found = ((place, self.find_other(tap)) for place, tap in enumerate(taps))
        return [(place, gate) for place, gate in found if gate is not None]

    def list_foreign_gates(self, key: Key) -> frozenset[str]:
        """The gates that ever stood where a key does not speak."""
        foreign = self._foreign.get(key)
        if foreign is None:
            foreign = frozenset(
                gate.gate_id
                for gate in self._gates.values()
                if not all(speaks_for(key, one.station_id) for one in gate.placements)
            )
            if len(self._foreign) >= KEYS_MAX:
                self._foreign.clear()
            self._foreign[key] = foreign
        return foreign

    def _find_named(self, tap_id: str) -> Gate | None:
        named, end = None, -1
        for _ in range(self._dots_max):
            end = tap_id.find(".", end + 1)
            if end < 0:
                break
            named = self._gates.get(tap_id[:end], named)
        return named
