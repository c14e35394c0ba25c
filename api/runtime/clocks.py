"""Heartbeats of controllers: how far the clocks of their gates are off, and how many taps wait.

The latest of each controller is kept in memory, the clock of each gate in the ledger too, so that a
restart forgets no clock that was wrong.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import structlog

from fare_engine.ledger.stores.heartbeats import StoredHeartbeat

logger = structlog.get_logger(__name__)

SKEW_STEP_MS: Final = 1_000
"""A smaller change is noise of the measurement: the value in the ledger is as good."""


class Heartbeat(NamedTuple):
    """The latest report of a controller."""

    received_at_ms: int
    parameters_version: str | None
    outbox_taps: int


class Skew(NamedTuple):
    """How far a gate's clock is ahead of the engine's, as it was measured last.

    `suspect_since_ms` is None while it is within the tolerance.
    """

    skew_ms: int
    measured_at_ms: int
    suspect_since_ms: int | None


class GateClocks:
    """The clocks of all gates that a heartbeat has measured.

    `suspects` is read by the engine; it stays the same set, and its members change.
    """

    def __init__(self, stored: Mapping[str, tuple[int, int]], tolerance_ms: int | None) -> None:
        self.heartbeats: dict[str, Heartbeat] = {}
        self.skews: dict[str, Skew] = {}
        self.suspects: set[str] = set()
        self._recorded_ms = {gate_id: skew_ms for gate_id, (_, skew_ms) in stored.items()}
        for gate_id, (measured_at_ms, skew_ms) in stored.items():
            self.apply({gate_id: skew_ms}, measured_at_ms, tolerance_ms)

    def list_changes(self, skews_ms: Mapping[str, int], tolerance_ms: int | None) -> dict[str, int]:
        """The skews to store: a gate's first, and those that moved or crossed the tolerance.

        The first is stored however small it is: settlement reads from it that the clock was right.
        """
        recorded_ms = self._recorded_ms
        return {
            gate_id: skew_ms
            for gate_id, skew_ms in skews_ms.items()
            if gate_id not in recorded_ms
            or abs(skew_ms - recorded_ms[gate_id]) >= SKEW_STEP_MS
            or _is_wrong(skew_ms, tolerance_ms) != (gate_id in self.suspects)
        }

    def recorded(self, changes_ms: Mapping[str, int]) -> None:
        """These changes are stored now."""
        self._recorded_ms.update(changes_ms)

    def note_stored(self, stored: Iterable[StoredHeartbeat], tolerance_ms: int | None) -> None:
        """Go by heartbeats that any process has taken, from the next tap on."""
        for one in stored:
            heartbeat = Heartbeat(one.received_at_ms, one.parameters_version, one.outbox_taps)
            if self.heartbeats.get(one.controller_id) != heartbeat:
                self.heartbeats[one.controller_id] = heartbeat
                self.apply(one.skews_ms, one.received_at_ms, tolerance_ms)

    def apply(
        self, skews_ms: Mapping[str, int], measured_at_ms: int, tolerance_ms: int | None
    ) -> None:
        """Use these skews from the next tap on."""
        for gate_id, skew_ms in skews_ms.items():
            before = self.skews.get(gate_id)
            since_ms = before.suspect_since_ms if before else None
            if not _is_wrong(skew_ms, tolerance_ms):
                if since_ms is not None:
                    logger.info("gate_clock_right", gate=gate_id, skew_ms=skew_ms)
                since_ms = None
                self.suspects.discard(gate_id)
            elif since_ms is None:
                since_ms = measured_at_ms
                self.suspects.add(gate_id)
                logger.warning(
                    "gate_clock_wrong", gate=gate_id, skew_ms=skew_ms, tolerance_ms=tolerance_ms
                )
            self.skews[gate_id] = Skew(skew_ms, measured_at_ms, since_ms)


def _is_wrong(skew_ms: int, tolerance_ms: int | None) -> bool:
    """Whether a clock is further off than allowed; without a tariff there is no limit."""
    return tolerance_ms is not None and abs(skew_ms) > tolerance_ms
