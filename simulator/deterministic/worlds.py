"""Small metros: two to four stations on a line, a pilot here and there, and short limits.

Windows are a minute or less, the longest stay is two, graces are seconds: so a few minutes have
room for everything that takes a day in a real metro. Some worlds stand around the cut of the
service date, some around midnight.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from fare_engine.calendar import to_ms
from fare_engine.catalogue import Catalogue
from fare_engine.distances import find_distances
from fare_engine.network import (
    CHENGDU_BANDS,
    Direction,
    FareTable,
    Gate,
    Line,
    MediumType,
    Name,
    Network,
    Segment,
    Station,
)
from fare_engine.policy import Policy
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff
from simulator.deterministic.phones import ISSUER_KEY

ZONE: Final = "Asia/Shanghai"
STARTS: Final = ("03:54", "03:58", "23:55", "12:00", "17:30")
WINDOWS_MS: Final = (15 * SECOND_MS, 30 * SECOND_MS, MINUTE_MS)
FORWARDING_SHARE: Final = 0.3
_IN, _OUT = frozenset({Direction.ENTRY}), frozenset({Direction.EXIT})
MEDIA: Final = (
    MediumType("tianfutong", Name("天府通", "Tianfutong"), "[0-9]{10,20}", 1),
    MediumType("qr", Name("乘车码", "QR ride code"), "[a-z0-9]{1,32}", 2),
)


@dataclass(frozen=True, slots=True)
class World:
    """A metro, and when its story begins (milliseconds since 1970)."""

    catalogue: Catalogue
    start_ms: int
    windows_ms: tuple[int, ...]
    forwarding: frozenset[str]
    """Stations that know no issuer's key: they can only show ride codes to the engine."""

    @property
    def station_ids(self) -> list[str]:
        return [station.station_id for station in self.catalogue.network.stations]

    @property
    def medium_types(self) -> list[str]:
        return [medium.code for medium in self.catalogue.network.media]

    @property
    def tariff(self) -> Tariff:
        return self.catalogue.tariffs[0]

    def entries(self, station_id: str) -> list[str]:
        """The gates that let in."""
        return list(self._gates(station_id, Direction.ENTRY))

    def exits(self, station_id: str) -> list[str]:
        """The gates that let out."""
        return list(self._gates(station_id, Direction.EXIT))

    def _gates(self, station_id: str, direction: Direction) -> Iterator[str]:
        for gate in self.catalogue.network.gates:
            if gate.station_id == station_id and direction in gate.directions:
                yield gate.gate_id


def draw_world(chance: random.Random) -> World:
    """A metro of a few stations."""
    station_ids = ["FHY", "CXL", "TFG", "XPU"][: chance.randint(2, 4)]
    segments = tuple(
        Segment("1", one, other, chance.choice((900, 4_000, 9_800, 17_000)))
        for one, other in pairwise(station_ids)
    )
    network = Network(
        network_id="small",
        name=Name("小地铁", "Small Metro"),
        time_zone=ZONE,
        lines=(Line("1", Name("1号线", "Line 1")),),
        stations=tuple(Station(one, Name(one, one)) for one in station_ids),
        segments=segments,
        gates=tuple(_make_gates(station_ids)),
        media=MEDIA,
    )
    start = datetime.fromisoformat(f"2021-11-24T{chance.choice(STARTS)}:00")
    start_ms = to_ms(start.replace(tzinfo=ZoneInfo(ZONE)))
    policies = {
        station_id: (_draw_policy(chance, station_id),)
        for place, station_id in enumerate(station_ids)
        if place == 0 or chance.random() < 0.5
    }
    windows_ms = tuple(sorted({versions[0].window_ms for versions in policies.values()}))
    tariff = Tariff(
        1,
        0,
        FareTable(find_distances(network), CHENGDU_BANDS),
        discounts_percent={"tianfutong": 10},
        unmatched_exit_opens=chance.random() < 0.3,
        max_stay_ms=2 * MINUTE_MS,
        reentry_grace_ms=20 * SECOND_MS,
        reexit_grace_ms=10 * SECOND_MS,
        journey_expiry_ms=chance.choice((None, None, 100 * SECOND_MS, 4 * MINUTE_MS)),
    )
    catalogue = Catalogue(network, policies, tariffs=(tariff,), issuer_keys=(ISSUER_KEY,))
    forwarding = frozenset(one for one in station_ids if chance.random() < FORWARDING_SHARE)
    return World(catalogue, start_ms, windows_ms, forwarding)


def _make_gates(station_ids: list[str]) -> Iterator[Gate]:
    number = 0
    for station_id in station_ids:
        for name, directions in (
            ("A-01", _IN),
            ("A-02", _OUT),
            ("B-01", _IN | _OUT),
            ("C-01", _IN | _OUT),
        ):
            number += 1
            controller = f"{station_id}-1"
            yield Gate(f"{station_id}-{name}", station_id, directions, None, controller, number)


def _draw_policy(chance: random.Random, station_id: str) -> Policy:
    return Policy(
        station_id,
        1,
        chance.choice(WINDOWS_MS),
        frozenset({"tianfutong"} if chance.random() < 0.2 else {"tianfutong", "qr"}),
        frozenset(f"{station_id}-{name}" for name in ("A-01", "A-02", "B-01")),
        0,
        daily_limit=chance.choice((None, 1, 2)),
    )
