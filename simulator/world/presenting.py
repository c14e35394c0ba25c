"""What a gate makes of a tap: its id, its medium, the body it sends, and the tap the rule sees."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from api.contract.times import format_ms
from fare_engine.network import DIRECTION_WORDS
from fare_engine.tap import Report, Tap
from simulator.world.metro import CARD, CODE, Metro
from simulator.world.plan import ALONE, CARD_VARIANT, CODE_VARIANT, SHOWN
from simulator.world.times import ZONE, service_day_number
from simulator.world.world import WorldTap

MakeToken = Callable[[str, str], bytes]
PASSENGERS_MAX: Final = 10**14
"""All passengers there can be: their numbers stand in the 16 digits of a card."""

_EPOCH: Final = date(1970, 1, 1)
_DECIDED_ALONE: Final = Report(gate_opened=True, fare_taken=0)


class Presenter:
    """Presents the taps of one world.

    Worlds that meet at one engine are kept apart: their passengers are numbered from another
    `first_passenger` on, and `run` stands in their tap_ids.
    """

    def __init__(self, metro: Metro, first_passenger: int = 0, run: str = "") -> None:
        self._gate_ids = metro.gate_ids
        self._offsets_ms: list[int] = metro.clock_offset_ms.tolist()
        self._first_passenger = first_passenger
        self._run = f"{run}-" if run else ""
        self._dates: dict[int, str] = {}

    def medium(self, tap: WorldTap) -> tuple[str, str]:
        """The type of the medium and its number. A companion shares the account, not the code."""
        number = self._first_passenger + tap.passenger
        if tap.variant == CARD_VARIANT:
            return CARD, f"31{number:014}"
        companion = tap.variant - CODE_VARIANT
        return CODE, f"u{number}#{companion}" if companion else f"u{number}"

    def tap_id(self, tap: WorldTap) -> str:
        """Gate, service date, and the gate's own count in this run."""
        day = service_day_number(self._occurred_at_ms(tap))
        date = self._dates.get(day)
        if date is None:
            date = self._dates[day] = f"{_EPOCH + timedelta(days=day):%Y%m%d}"
        return f"{self._gate_ids[tap.gate]}.{date}.{self._run}{tap.sequence:08}"

    def body(self, tap: WorldTap) -> dict[str, Any]:
        """As its gate sends it."""
        medium_type, medium_id = self.medium(tap)
        medium = {"type": medium_type, "id": medium_id}
        if tap.flags & SHOWN:
            number = self._first_passenger + tap.passenger
            medium["code_id"] = f"{number & 0xFFFFFFFF:08x}.sim.{number:016x}"
        body: dict[str, Any] = {
            "tap_id": self.tap_id(tap),
            "gate_id": self._gate_ids[tap.gate],
            "direction": DIRECTION_WORDS[tap.direction],
            "medium": medium,
            "occurred_at": format_ms(self._occurred_at_ms(tap), ZONE),
        }
        if tap.flags & ALONE:
            body["offline"] = {"gate_action_taken": "open", "fare_taken": 0}
        return body

    def tap(self, tap: WorldTap, make_token: MakeToken) -> Tap:
        """As it reaches the rule."""
        medium_type, medium_id = self.medium(tap)
        return Tap(
            self.tap_id(tap),
            self._gate_ids[tap.gate],
            tap.direction,
            medium_type,
            make_token(medium_type, medium_id),
            self._occurred_at_ms(tap),
            _DECIDED_ALONE if tap.flags & ALONE else None,
        )

    def _occurred_at_ms(self, tap: WorldTap) -> int:
        return tap.due_ms + self._offsets_ms[tap.gate]
