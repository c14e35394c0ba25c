"""How many passengers have which intention: of a whole network, and of one station."""

from collections.abc import Mapping
from typing import Final

from simulator.world.chance import Chance
from simulator.world.intentions import INTENTIONS
from simulator.world.metro import Metro

NETWORK: Final[Mapping[str, int]] = {
    "commutes": 540,
    "rides": 290,
    "crosses": 60,
    "crosses with the last millisecond": 2,
    "crosses a millisecond too late": 2,
    "lingers": 10,
    "enters beside the lane": 5,
    "leaves beside the lane": 5,
    "crosses at a station without a pilot": 10,
    "crosses by code where cards are free": 4,
    "taps twice": 12,
    "loses the entry": 4,
    "loses the exit": 8,
    "never comes out": 4,
    "enters by card and leaves by code": 5,
    "crosses as a family": 8,
    "swaps media inside": 2,
    "shares a screenshot": 2,
    "works at the station": 1,
    "turns back at the entry": 3,
    "turns back at the exit": 2,
    "meets a gate that times out": 6,
    "meets a gate that decides alone": 5,
    "tries a blocked medium": 2,
    "stays too long": 4,
    "falls asleep inside": 2,
    "meets a clock that is far behind": 2,
}
"""Of a thousand passengers of a whole network, on a working day."""

STATION: Final[Mapping[str, int]] = {
    "rides": 240,
    "crosses": 430,
    "crosses with the last millisecond": 10,
    "crosses a millisecond too late": 10,
    "lingers": 50,
    "enters beside the lane": 30,
    "leaves beside the lane": 30,
    "crosses at a station without a pilot": 20,
    "taps twice": 40,
    "loses the entry": 20,
    "loses the exit": 20,
    "enters by card and leaves by code": 20,
    "crosses as a family": 20,
    "swaps media inside": 5,
    "shares a screenshot": 5,
    "turns back at the entry": 5,
    "turns back at the exit": 5,
    "meets a gate that times out": 25,
    "meets a gate that decides alone": 15,
}
"""Of a thousand at a station with a crossing lane, none of whom means to stay for hours."""


def apportion(
    mix: Mapping[str, int], metro: Metro, passengers: int, chance: Chance
) -> dict[str, int]:
    """How many of these passengers have each intention: as the mix says, within one.

    What a metro has no place for is left out.
    """
    possible = {
        intention.name: mix[intention.name]
        for intention in INTENTIONS
        if intention.name in mix and intention.is_possible(metro)
    }
    whole = sum(possible.values())
    offset = float(chance.share(1)[0])
    counts, below, before = {}, 0, 0
    for name, weight in possible.items():
        below += weight
        upto = int(passengers * below / whole + offset) if below < whole else passengers
        counts[name] = upto - before
        before = upto
    return counts
