"""A world: all taps of its passengers in the order of time, as columns; made, not delivered.

The same seed makes the same taps on every machine; `fingerprint` shows whether two worlds are the
same. A passenger's taps depend on nobody else's. A tap takes 23 bytes, and about four times as
much while it is made.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.world.chance import Chance, Ints
from simulator.world.intentions import INTENTIONS
from simulator.world.metro import Metro
from simulator.world.plan import Plan, Step
from simulator.world.times import Hours

TAPS_MAX: Final = 50_000_000
"""Of one world; some 5 GB while it is made."""
SHARE_STREAM: Final = 1_000
"""The stream of chance that apportions intentions; those below are the intentions' own."""

_CHUNK: Final = 10_000

Number = TypeVar("Number", np.int64, np.int32, np.uint16, np.uint8)

Column = NDArray[np.int64] | NDArray[np.int32] | NDArray[np.uint16] | NDArray[np.uint8]


class TooManyTaps(ValueError):
    """A world that would not fit; the text says how many taps it may have."""


class WorldTap(NamedTuple):
    """One tap. `due_ms` is the true time, which its gate's clock may not show.

    `kind` is the place of the intention in `INTENTIONS`, `expected` the number of a reason or 0,
    `flags` are those of `plan`.
    """

    due_ms: int
    gate: int
    direction: int
    passenger: int
    variant: int
    kind: int
    expected: int
    flags: int
    sequence: int


@dataclass(frozen=True)
class World:
    """Columns of equal length, sorted by `due_ms`; see `WorldTap` for each.

    Passengers are counted from 0 on in each world, and taps of a gate from 1 on.
    """

    metro: Metro
    seed: int
    passengers: int
    due_ms: NDArray[np.int64]
    gate: NDArray[np.uint16]
    direction: NDArray[np.uint8]
    passenger: NDArray[np.int32]
    variant: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    expected: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    sequence: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.due_ms)

    @property
    def occurred_at_ms(self) -> Ints:
        """What the gates' clocks showed."""
        return self.due_ms + self.metro.clock_offset_ms[self.gate]

    @property
    def bytes_kept(self) -> int:
        """What the columns take in memory."""
        return sum(column.nbytes for column in self._columns())

    def fingerprint(self) -> str:
        """SHA-256 over gates and all columns: the same taps, the same text."""
        digest = hashlib.sha256(repr(self.metro.gate_ids).encode())
        digest.update(self.metro.clock_offset_ms.astype("<i8").tobytes())
        for column in self._columns():
            digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
        return digest.hexdigest()

    def count_kinds(self) -> dict[str, int]:
        """Taps by intention."""
        counts = np.bincount(self.kind, minlength=len(INTENTIONS)).tolist()
        return {
            intention.name: count
            for intention, count in zip(INTENTIONS, counts, strict=True)
            if count
        }

    def taps(self) -> Iterator[WorldTap]:
        """One tap after the other."""
        for first in range(0, len(self), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            rows = zip(*(column[chunk].tolist() for column in self._columns()), strict=True)
            yield from map(WorldTap._make, rows)

    def cut(self, taps: int) -> "World":
        """The world up to so many taps; what comes later is left out."""
        names = [field.name for field in fields(self)][-len(WorldTap._fields) :]
        return replace(self, **{name: getattr(self, name)[:taps] for name in names})

    def _columns(self) -> tuple[Column, ...]:
        return (
            self.due_ms,
            self.gate,
            self.direction,
            self.passenger,
            self.variant,
            self.kind,
            self.expected,
            self.flags,
            self.sequence,
        )


def make_world(
    metro: Metro,
    seed: int,
    counts: Mapping[str, int],
    hours: Hours,
) -> World:
    """The world of so many passengers of each intention who come in these hours."""
    steps: list[tuple[int, int, int, Step]] = []  # kind, first passenger, passengers, their step
    first, taps = 0, 0
    for kind, intention in enumerate(INTENTIONS):
        count = counts.get(intention.name, 0)
        if count:
            plan = Plan(metro, Chance(seed, kind), hours, intention.curve, count)
            intention.plan(plan)
            steps += [(kind, first, count, step) for step in plan.steps]
            taps += sum(len(step.due_ms) for step in plan.steps)
            first += count
        if taps > TAPS_MAX:
            raise TooManyTaps(f"a world has at most {TAPS_MAX:,} taps; take fewer passengers")
    due_ms = _join([step.due_ms for *_, step in steps], np.int64)
    order = np.argsort(due_ms, kind="stable")
    gate = _join([step.gates for *_, step in steps], np.uint16)[order]
    whom = [
        np.arange(begin, begin + count, dtype=np.int32) if step.who is None else step.who + begin
        for _, begin, count, step in steps
    ]
    return World(
        metro,
        seed,
        first,
        due_ms[order],
        gate,
        _repeat([int(step.direction) for *_, step in steps], steps)[order],
        _join(whom, np.int32)[order],
        _join([step.variants for *_, step in steps], np.uint8)[order],
        _repeat([kind for kind, *_ in steps], steps)[order],
        _join([step.expected for *_, step in steps], np.uint8)[order],
        _repeat([step.flags for *_, step in steps], steps)[order],
        _number_by_gate(gate),
    )


def _join(columns: Sequence[NDArray[np.integer[Any]]], kind: type[Number]) -> NDArray[Number]:
    joined = np.empty(sum(map(len, columns)), kind)
    first = 0
    for column in columns:
        joined[first : first + len(column)] = column
        first += len(column)
    return joined


def _repeat(values: list[int], steps: "list[tuple[int, int, int, Step]]") -> NDArray[np.uint8]:
    lengths = [len(step.due_ms) for *_, step in steps]
    return np.repeat(np.array(values, np.uint8), lengths)


def _number_by_gate(gate: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Each gate's own count of its taps, in their order."""
    order = np.argsort(gate, kind="stable")
    ordered = gate[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1)) if len(ordered) else order
    lengths = np.diff(begins, append=len(ordered))
    sequence = np.empty(len(gate), np.int32)
    sequence[order] = np.arange(len(gate)) - np.repeat(begins, lengths) + 1
    return sequence
