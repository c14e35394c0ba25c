"""Passengers of a made-up day, each with journeys of her own and all that goes wrong at gates."""

import hashlib
import random
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

PASSENGERS: Final = 50
MIDNIGHT: Final = datetime.fromisoformat("2021-11-24T00:00:00.000+08:00")

DESIGNATED: Final = (
    ("FHY-A-01", "FHY-C-02"),
    ("FHY-C-01", "FHY-E-02"),
    ("FHY-E-01", "FHY-A-02"),
)
UNDESIGNATED: Final = (("FHY-B-01", "FHY-C-02"), ("FHY-A-01", "FHY-B-02"), ("FHY-D-01", "FHY-F-02"))
STATIONS: Final = ("FHY", "CXL", "HCNZ", "JCGC", "TFGC", "CDDKZ", "SLT2")

MINUTE_MS: Final = 60_000
JOURNEYS_MAX: Final = 3

Body = dict[str, Any]


class Sending(NamedTuple):
    """One request of a controller or an operator."""

    method: str
    path: str
    body: Body


class Passengers:
    """Passengers one after the other, each with journeys of her own and all that goes wrong."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._arrivals: list[tuple[int, Sending]] = []
        self._sequences: dict[str, int] = {}

    def make(self) -> list[Sending]:
        for number in range(PASSENGERS):
            medium = self._make_medium(number)
            at_ms = (5 * 60 + self._chance.randrange(16 * 60)) * MINUTE_MS
            for _ in range(1 + self._chance.randrange(JOURNEYS_MAX)):
                at_ms = self._chance.choice(_JOURNEYS)(self, medium, at_ms)
                at_ms += (1 + self._chance.randrange(60)) * MINUTE_MS
        self._add_problems()
        return [sending for _, sending in sorted(self._arrivals, key=lambda arrival: arrival[0])]

    def cross(self, medium: Body, at_ms: int) -> int:
        """A crossing that is free, or one of those that nearly are."""
        gates = self._chance.choice((*DESIGNATED, *DESIGNATED, *UNDESIGNATED))
        stays = (212_360, 900_000, 900_001, 30_000, 40 * MINUTE_MS)
        return self._journey(medium, at_ms, *gates, self._chance.choice(stays))

    def cross_elsewhere(self, medium: Body, at_ms: int) -> int:
        """Crossings at stations with other terms, or without any."""
        for gates in (
            ("CXL-A-01", "CXL-C-02"),
            self._chance.choice((("CXL-C-01", "CXL-A-02"), ("TFGC-A-01", "TFGC-B-02"))),
        ):
            at_ms = self._journey(medium, at_ms, *gates, 5 * MINUTE_MS) + MINUTE_MS
        return at_ms

    def ride(self, medium: Body, at_ms: int) -> int:
        """From one station to another, sometimes for too long or past the end of the date."""
        start, end = self._chance.choice(STATIONS), self._chance.choice(STATIONS)
        minutes = self._chance.choice((9, 17, 31, 48, 240, 241, 600, 1_440))
        return self._journey(medium, at_ms, f"{start}-A-01", f"{end}-A-02", minutes * MINUTE_MS)

    def tap_twice(self, medium: Body, at_ms: int) -> int:
        """Entry and exit, each twice, within the grace or just behind it."""
        self._tap(medium, at_ms, "FHY-A-01", "entry")
        at_ms += self._chance.choice((3_000, 120_000, 120_001))
        self._tap(medium, at_ms, "FHY-A-03", "entry")
        at_ms += 5 * MINUTE_MS
        self._tap(medium, at_ms, "FHY-C-02", "exit")
        for wait_ms in (self._chance.choice((4_000, 60_000, 60_001)), 2_000):
            at_ms += wait_ms
            self._tap(medium, at_ms, "FHY-E-02", "exit")
        return at_ms

    def forget(self, medium: Body, at_ms: int) -> int:
        """An entry without exit, or an exit without entry."""
        station = self._chance.choice(STATIONS)
        direction, gate = self._chance.choice((("entry", "A-01"), ("exit", "A-02")))
        self._tap(medium, at_ms, f"{station}-{gate}", direction)
        return at_ms

    def turn_back(self, medium: Body, at_ms: int) -> int:
        """A crossing whose exit, and sometimes whose entry, she did not pass."""
        entry = self._tap(medium, at_ms, "FHY-A-01", "entry", plain=True)
        leaving = self._tap(medium, at_ms + 4 * MINUTE_MS, "FHY-C-02", "exit", plain=True)
        at_ms += 4 * MINUTE_MS + 5_000
        self._report(leaving, at_ms, {"passed": False, "cause": "turned back"})
        if self._chance.random() < 0.5:
            self._report(entry, at_ms + 1_000, {"passed": False})
        if self._chance.random() < 0.5:
            self._tap(medium, at_ms + 20_000, "FHY-C-02", "exit")
        return at_ms + 30_000

    def show_codes(self, medium: Body, at_ms: int) -> int:
        """Ride codes that the gate verified, the last of them a copy."""
        account = {"type": "qr", "id": f"account-{self._chance.randrange(10_000)}"}
        codes = [
            account
            | {"code_id": f"{at_ms // 1_000:08x}.metro.{self._chance.randrange(2**64):016x}"}
            for _ in range(2)
        ]
        self._tap(codes[0], at_ms, "FHY-A-01", "entry")
        self._tap(codes[1], at_ms + 3 * MINUTE_MS, "FHY-C-02", "exit")
        copied = self._chance.choice(codes)
        gate = self._chance.choice((("FHY-C-02", "exit"), ("CXL-A-01", "entry")))
        self._tap(copied, at_ms + 3 * MINUTE_MS + 20_000, *gate)
        return at_ms + 7 * MINUTE_MS

    def _journey(self, medium: Body, at_ms: int, entry: str, leaving: str, stay_ms: int) -> int:
        self._tap(medium, at_ms, entry, "entry")
        self._tap(medium, at_ms + stay_ms, leaving, "exit")
        return at_ms + stay_ms

    def _tap(
        self, medium: Body, at_ms: int, gate_id: str, direction: str, *, plain: bool = False
    ) -> Body:
        """A tap that comes on time, or, unless it is plain, as it may also happen."""
        number = self._sequences[gate_id] = self._sequences.get(gate_id, 0) + 1
        tap = {
            "tap_id": f"{gate_id}.20211124.{number:06}",
            "gate_id": gate_id,
            "direction": direction,
            "medium": medium,
            "occurred_at": _format(at_ms),
        }
        luck = 1.0 if plain else self._chance.random()
        arrives_ms = at_ms + 40
        if luck < 0.06:  # a gate that could not reach the engine
            arrives_ms += self._chance.randrange(180) * MINUTE_MS
            tap["offline"] = {
                "gate_action_taken": self._chance.choice(("open", "open", "open", "refuse")),
                "fare_taken": self._chance.choice((0, 0, 180, 200)),
            }
        self._send(arrives_ms, "/v1/taps", tap)
        if 0.06 < luck < 0.10:  # sent again
            self._send(arrives_ms + self._chance.randrange(90) * MINUTE_MS, "/v1/taps", tap)
        elif 0.10 < luck < 0.12:  # sent again with other content
            other = tap | {"occurred_at": _format(at_ms + 1)}
            self._send(arrives_ms + MINUTE_MS, "/v1/taps", other)
        elif 0.12 < luck < 0.14:  # answered, and reported as if it had not been
            offline = {"gate_action_taken": "open", "fare_taken": 0}
            self._send(arrives_ms + MINUTE_MS, "/v1/taps", tap | {"offline": offline})
        elif 0.14 < luck < 0.18:  # reported, completed, contradicted
            for more in ({}, {"passed": self._chance.choice((True, False))}, {"fare_taken": 999}):
                self._report(tap, arrives_ms + 2_000, more)
        return tap

    def _report(self, tap: Body, at_ms: int, more: Body) -> None:
        report = {"gate_action_taken": "open", "fare_taken": 0} | more
        self._send(at_ms, f"/v1/taps/{tap['tap_id']}/report", report)

    def _add_problems(self) -> None:
        """Taps that cannot be decided, of gates that decided alone and of others."""
        offline = {"gate_action_taken": "open", "fare_taken": 0}
        card = {"type": "tianfutong", "id": "3100000000009901"}
        begin_ms = 11 * 60 * MINUTE_MS
        problems: tuple[Body, ...] = (
            {"gate_id": "CXL-Q-01"},
            {"gate_id": "CXL-Q-01", "direction": "exit"},
            {"gate_id": "GONE-01"},
            {"gate_id": "FHY-A-02"},
            {"medium": {"type": "student", "id": "20210001"}},
            {"medium": {"type": "student", "id": "not a number"}},
            {"medium": {"type": "tianfutong", "id": "12"}},
            {"occurred_at": "2999-01-01T00:00:00.000+08:00"},
            {"occurred_at": "1999-12-31T23:00:00.000+08:00"},
            {"medium": {"type": "qr", "code": "RC1:NOT A CODE"}},
        )
        for place, changes in enumerate(problems):
            at_ms = begin_ms + place * 7 * MINUTE_MS
            tap: Body = {
                "tap_id": f"problem.20211124.{place:06}",
                "gate_id": "FHY-A-01",
                "direction": "entry",
                "medium": card,
                "occurred_at": _format(at_ms),
            }
            tap |= changes
            self._send(at_ms, "/v1/taps", tap)
            self._send(at_ms + MINUTE_MS, "/v1/taps", tap | {"offline": offline})

    def _make_medium(self, number: int) -> Body:
        match number % 5:
            case 0:
                return {"type": "qr", "id": f"passenger-{number}"}
            case 1:
                token = hashlib.sha256(f"passenger {number}".encode()).hexdigest()[:32]
                return {"type": "tianfutong", "token": token}
            case _:
                return {"type": "tianfutong", "id": f"31{number:014}"}

    def _send(self, at_ms: int, path: str, body: Body) -> None:
        self._arrivals.append((at_ms, Sending("POST", path, body)))


_JOURNEYS: Final = (
    Passengers.cross,
    Passengers.cross,
    Passengers.cross_elsewhere,
    *(Passengers.ride,) * 5,
    Passengers.tap_twice,
    Passengers.forget,
    Passengers.turn_back,
    Passengers.show_codes,
)


def _format(at_ms: int) -> str:
    """Milliseconds since the day began, as gates write them."""
    return (MIDNIGHT + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
