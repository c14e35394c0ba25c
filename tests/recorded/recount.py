"""The recorded Shenzhen taps paired card by card in plain dictionaries.

A second count beside the engine's, without a line of the engine: the rule of a file whose stations
all run a pilot, told as shortly as this one day allows (nobody stays for hours, nothing is late).
"""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

ENTRY, EXIT = "地铁入站", "地铁出站"
WINDOW_S, REENTRY_GRACE_S, REEXIT_GRACE_S = 15 * 60, 120, 60


class CardTap(NamedTuple):
    """One row of the metro that names its station."""

    at: datetime
    card: str
    kind: str
    station: str
    listed_fen: int


class Recount:
    """Counts of one file."""

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self.skipped: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.waived_after_s: list[float] = []
        self.charged_fen = 0
        self.unmatched_first_taps = 0
        self.unmatched_after_blank_entry = 0
        self._blank_entries: dict[str, list[datetime]] = defaultdict(list)
        self._inside: dict[str, CardTap] = {}
        self._latest_exit: dict[str, CardTap] = {}
        self._seen_cards: set[str] = set()
        taps = sorted(self._read(path), key=lambda tap: tap.at)
        self.taps = len(taps)
        for tap in taps:
            if tap.kind == ENTRY:
                self._enter(tap)
            elif tap.card in self._inside:
                self._leave(tap, self._inside.pop(tap.card))
            else:
                self._leave_unmatched(tap)
            self._seen_cards.add(tap.card)
        self.still_open = len(self._inside)

    def _read(self, path: Path) -> Iterator[CardTap]:
        seen_rows = set()
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                self.rows += 1
                station = row["station"].strip().removesuffix("站")
                content = tuple(row.values())
                if row["deal_type"] not in (ENTRY, EXIT):
                    self.skipped["not_metro"] += 1
                    continue
                at = datetime.fromisoformat(row["deal_date"])
                if not station:
                    self.skipped["blank_station"] += 1
                    if row["deal_type"] == ENTRY:
                        self._blank_entries[row["card_no"]].append(at)
                elif content in seen_rows:
                    self.skipped["duplicate"] += 1
                else:
                    seen_rows.add(content)
                    yield CardTap(
                        at, row["card_no"], row["deal_type"], station, int(row["deal_value"])
                    )

    def _enter(self, tap: CardTap) -> None:
        before = self._inside.get(tap.card)
        if before is None:
            self.reasons["entry_opened"] += 1
        elif before.station == tap.station and _seconds(before, tap) <= REENTRY_GRACE_S:
            self.reasons["entry_repeated"] += 1
        else:
            self.reasons["entry_superseded"] += 1
        self._inside[tap.card] = tap
        self._latest_exit.pop(tap.card, None)

    def _leave(self, tap: CardTap, entry: CardTap) -> None:
        elapsed_s = _seconds(entry, tap)
        if entry.station != tap.station:
            self.reasons["different_station"] += 1
            self.charged_fen += tap.listed_fen
        elif elapsed_s <= WINDOW_S:
            self.reasons["same_station_within_window"] += 1
            self.waived_after_s.append(elapsed_s)
        else:
            self.reasons["window_exceeded"] += 1
            self.charged_fen += tap.listed_fen
        self._latest_exit[tap.card] = tap

    def _leave_unmatched(self, tap: CardTap) -> None:
        left = self._latest_exit.pop(tap.card, None)
        if left and left.station == tap.station and _seconds(left, tap) <= REEXIT_GRACE_S:
            self.reasons["exit_repeated"] += 1
            return
        self.reasons["no_open_entry"] += 1
        self.unmatched_first_taps += tap.card not in self._seen_cards
        blank = self._blank_entries.get(tap.card, [])
        self.unmatched_after_blank_entry += any(entered_at <= tap.at for entered_at in blank)
        self._latest_exit[tap.card] = tap


def _seconds(earlier: CardTap, later: CardTap) -> float:
    return (later.at - earlier.at).total_seconds()
