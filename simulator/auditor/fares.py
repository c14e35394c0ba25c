"""What journeys cost, worked out from the published bands and the lengths of the tracks."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Any


class Tracks:
    """The lengths between neighbours, and the shortest way between any two stations."""

    def __init__(self, segments: Sequence[tuple[str, str, int]]) -> None:
        self._next: dict[str, list[tuple[str, int]]] = {}
        for start, end, metres in segments:
            self._next.setdefault(start, []).append((end, metres))
            self._next.setdefault(end, []).append((start, metres))
        self._ways: dict[str, dict[str, int]] = {}

    def metres_from(self, origin: str) -> Mapping[str, int]:
        """The shortest way from a station to every station that tracks join to it."""
        if origin not in self._ways:
            self._ways[origin] = self._walk(origin)
        return self._ways[origin]

    def _walk(self, origin: str) -> dict[str, int]:
        reached: dict[str, int] = {}
        ahead = [(0, origin)]
        while ahead:
            metres, station = heapq.heappop(ahead)
            if station not in reached:
                reached[station] = metres
                for neighbour, further in self._next.get(station, ()):
                    heapq.heappush(ahead, (metres + further, neighbour))
        return reached


class Fares:
    """The fares of one tariff before any discount, in fen."""

    def __init__(self, rules: Mapping[str, Any], tracks: Tracks) -> None:
        self._bands: list[tuple[int, int]] = sorted(
            (band["up_to_m"], band["fare"]) for band in rules["bands"]
        )
        self._further: dict[str, int] = rules["further"]
        self._listed: dict[str, dict[str, int]] = {}
        for origin, destination, fare in rules.get("explicit_fares") or ():
            self._listed.setdefault(origin, {})[destination] = fare
        self._tracks = tracks
        self._extremes: dict[str, tuple[int, int]] = {}

    def single(self, origin: str, destination: str) -> int:
        """From one station to another: as listed, or else by the length of the shortest way."""
        listed = self._listed.get(origin, {}).get(destination)
        if listed is not None:
            return listed
        return self.for_metres(self._tracks.metres_from(origin)[destination])

    def highest_from(self, station: str) -> int:
        """The dearest journey from a station to any other."""
        return self._find_extremes(station)[1]

    def lowest_from(self, station: str) -> int:
        """The cheapest journey from a station to any other."""
        return self._find_extremes(station)[0]

    def _find_extremes(self, station: str) -> tuple[int, int]:
        if station not in self._extremes:
            ways = self._tracks.metres_from(station) if self._bands else ()
            others = {*ways, *self._listed.get(station, ())}
            fares = [self.single(station, other) for other in others - {station}]
            fares = fares or [self.for_metres(0) if self._bands else 0]
            self._extremes[station] = min(fares), max(fares)
        return self._extremes[station]

    def for_metres(self, metres: int) -> int:
        """What a length costs: the first band that reaches it, or further stretches begun."""
        for up_to, fare in self._bands:
            if metres <= up_to:
                return fare
        up_to, fare = self._bands[-1]
        while up_to < metres:
            up_to, fare = up_to + self._further["every_m"], fare + self._further["fare"]
        return fare


def less_discount(fare: int, percent: int) -> int:
    """A fare less so many per cent; half a fen counts as a whole one."""
    whole, hundredths = divmod(fare * (100 - percent), 100)
    return whole + (hundredths >= 50)
