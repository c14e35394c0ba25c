"""A small metro for tests that need no server: a pilot station and two others."""

from typing import Any

from simulator.metro import Metro, read_metro


def make_metro() -> Metro:
    """孵化园 with two gates on the lane and two beside it, and two stations without a policy."""
    return read_metro(
        [
            _station("FHY", "孵化园", {"window_seconds": 900}, lane=("A", "C"), beside=("B",)),
            _station("CXL", "春熙路", None, beside=("A",)),
            _station("TFGC", "天府广场", None, beside=("A",)),
            _station("WJN", "韦家碾", None),
        ]
    )


def _station(
    station_id: str,
    name: str,
    policy: dict[str, Any] | None,
    lane: tuple[str, ...] = (),
    beside: tuple[str, ...] = (),
) -> dict[str, Any]:
    return {
        "station_id": station_id,
        "name": {"zh": name, "en": station_id},
        "policy": policy,
        "gates": [
            {
                "gate_id": f"{station_id}-{exit_id}-{number:02}",
                "directions": [direction],
                "designated": exit_id in lane,
            }
            for exit_id in (*lane, *beside)
            for number, direction in enumerate(("entry", "exit"), 1)
        ],
    }
