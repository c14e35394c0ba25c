"""What degraded modes change, all in one place. They are those of the tap's station at the tap.

| mode | what it changes |
|---|---|
| `sequence_free` | an unmatched exit opens, for the lowest fare from its station |
| `entry_free` | the same; a refused entry opens |
| `exit_free` | the same as `sequence_free`; a refused exit opens |
| `time_free` | no overstay; the window of a crossing is as usual |
| `fare_free` | another station costs the lowest fare from the exit's station |
| `emergency` | every gate opens, a journey ends without charge, nothing is taken |

No mode makes a tap dearer than it is without. Where several modes are on, each changes what it
changes, and `emergency` has the last word. Where gates stood open at any station while a journey
was open, nobody knows whether she left through them: its missing exit costs nothing.
"""

from typing import Final

from simulator.auditor.published import Tariff

EMERGENCY: Final = "emergency"
_UNMATCHED_OPENS: Final = frozenset({"sequence_free", "entry_free", "exit_free"})
_LETS_IN: Final = frozenset({"entry_free", EMERGENCY})
_LETS_OUT: Final = frozenset({"exit_free", EMERGENCY})


def opens_for_refused(modes: frozenset[str], direction: str) -> bool:
    """Whether the gates stand open, so that they open for a refused tap too."""
    return bool(modes & (_LETS_IN if direction == "entry" else _LETS_OUT))


def unmatched_exit(
    modes: frozenset[str], tariff: Tariff, station: str, medium_type: str
) -> tuple[str, int]:
    """What the gate does at an exit without an entry, and what it takes."""
    if EMERGENCY in modes:
        return "open", 0
    fares = []
    if tariff.unmatched_exit == "open":
        fares.append(tariff.unmatched_exit_fare)
    if modes & _UNMATCHED_OPENS:
        fares.append(tariff.fares.lowest_from(station))
    if not fares:
        return "refuse", 0
    return "open", tariff.price(min(fares), medium_type)


def knows_overstay(modes: frozenset[str]) -> bool:
    """Whether a stay can be too long."""
    return "time_free" not in modes


def other_station_fare(modes: frozenset[str], tariff: Tariff, origin: str, to: str) -> int:
    """The fare of a journey to another station, before the discount."""
    fare = tariff.fares.single(origin, to)
    return min(fare, tariff.fares.lowest_from(to)) if "fare_free" in modes else fare
