"""What degraded modes change, all in one place. They are those of the tap's station at the tap.

| mode | what it changes |
|---|---|
| `sequence_free` | an unmatched exit opens and takes the lowest fare |
| `entry_free`, `exit_free` | the same; an entry closed without its exit has no missing-exit fare |
| `time_free` | no overstay; the window of a crossing is as usual |
| `fare_free` | another station costs the lowest fare |
| `emergency` | every gate opens, nothing is taken, no missing-exit fare |

The lowest fare is that of the lowest band, less the medium's discount. Where several modes are on,
each changes what it changes, and `emergency` has the last word.
"""

from typing import Final

from simulator.auditor.published import Tariff

EMERGENCY: Final = "emergency"
_UNMATCHED_OPENS: Final = frozenset({"sequence_free", "entry_free", "exit_free"})
_NO_MISSING_EXIT_FARE: Final = frozenset({"entry_free", "exit_free", EMERGENCY})


def unmatched_exit(modes: frozenset[str], tariff: Tariff, medium_type: str) -> tuple[str, int]:
    """What the gate does at an exit without an entry, and what it takes."""
    if EMERGENCY in modes:
        return "open", 0
    if modes & _UNMATCHED_OPENS:
        return "open", tariff.price(tariff.fares.lowest, medium_type)
    if tariff.unmatched_exit == "open":
        return "open", tariff.price(tariff.unmatched_exit_fare, medium_type)
    return "refuse", 0


def missing_exit_fare(modes: frozenset[str], tariff: Tariff, medium_type: str) -> int:
    """What is recorded against an entry whose exit is missing."""
    if modes & _NO_MISSING_EXIT_FARE:
        return 0
    return tariff.price(tariff.missing_exit_fare, medium_type)


def knows_overstay(modes: frozenset[str]) -> bool:
    """Whether a stay can be too long."""
    return "time_free" not in modes


def other_station_fare(modes: frozenset[str], tariff: Tariff, origin: str, to: str) -> int:
    """The fare of a journey to another station, before the discount."""
    return tariff.fares.lowest if "fare_free" in modes else tariff.fares.single(origin, to)


def taken(modes: frozenset[str], fare: int) -> int:
    """What is taken of a fare that the rule says."""
    return 0 if EMERGENCY in modes else fare
