"""Replaying: read a file of taps, put them in the order of their clocks, have them decided.

A recorded day is no live stream, so the taps are decided by `occurred_at`, and those of one
instant in the order of the file. Each row ends as a tap that was decided or among the skipped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final

from fare_engine.batch import Result
from fare_engine.catalogue import Catalogue
from fare_engine.engine import Engine
from fare_engine.errors import FareEngineError, LedgerError, Outdated
from fare_engine.interchange.formats import TapFile
from fare_engine.interchange.rows import FileTap, MakeToken, SkippedRow, SkipReason
from fare_engine.ledger.place import LedgerPlace
from fare_engine.opening import read_published
from fare_engine.published import Published
from fare_engine.replay.engines import open_in_place, open_scratch, record_replay
from fare_engine.replay.figures import Figures
from fare_engine.replay.pilot import Pilot, apply_pilot, read_pilot_window_ms
from fare_engine.replay.scratch import add_medium, add_seen, make_default_catalogue
from fare_engine.replay.taps import make_tap
from fare_engine.tap import Tap

BATCH_TAPS: Final = 1_000
ROWS_BETWEEN: Final = 10_000
"""Rows read between two calls of `on_progress`."""

_FAULTS: Final = {
    "unknown-gate": ("gate_id", "there is no such gate"),
    "direction-not-allowed": ("direction", "the gate does not take this direction"),
    "clock-ahead": ("occurred_at", "lies more than 5 minutes ahead of now"),
    "no-tariff-in-force": ("occurred_at", "no tariff was in force then"),
    "tap-conflict": ("tap_id", "was used before for another tap"),
}
"""What the engine may say of a tap, as the fault of a column, without what stands in it."""


def _ignore_progress(_rows: int, _decided: int, _taps: int | None) -> None:
    """Progress that is not shown."""


def _ignore_skipped(_row: SkippedRow) -> None:
    """Skipped rows that are not listed one by one."""


@dataclass(frozen=True)
class Watch:
    """What is called while a replay runs.

    `on_progress` gets the rows read, the taps decided, and the taps to decide (None while the
    file is being read). `on_skipped` gets every row that becomes no tap, when that is found.
    """

    on_progress: Callable[[int, int, int | None], None] = _ignore_progress
    on_skipped: Callable[[SkippedRow], None] = _ignore_skipped


SILENT: Final = Watch()


def replay_in_scratch(
    file: TapFile,
    make_token: MakeToken,
    *,
    now_ms: int,
    base: Catalogue | None = None,
    pilot: Pilot = Pilot.CONFIGURED,
    window_ms: int | None = None,
    watch: Watch = SILENT,
) -> Figures:
    """Decide a file in a ledger of its own; nothing of it is left but the figures.

    `base` is the catalogue to decide by, else one is made that fits the file's format. Gates that
    only the file knows are added to it.
    """
    base = add_medium(base or make_default_catalogue(file), file)
    figures = _make_figures(base, window_ms)
    taps = _read(file, make_token, base, figures, watch)
    catalogue = apply_pilot(add_seen(base, taps), taps, pilot, window_ms)
    with open_scratch(catalogue) as engine:
        _Decider(engine, file, figures, watch, now_ms).decide(taps)
    figures.about |= {"pilot": str(pilot), "into_ledger": False}
    return figures


def replay_into_ledger(
    place: LedgerPlace,
    file: TapFile,
    make_token: MakeToken,
    *,
    now_ms: int,
    watch: Watch = SILENT,
) -> Figures:
    """Decide a file in a ledger that is there, by its catalogue; the taps stay in it.

    `make_token` has to use the ledger's own key. Taps that are in the ledger already, as after
    an earlier replay of the file, are counted as duplicates. Nothing is stored before the file
    was read to its end.
    """
    with open_in_place(place) as engine:
        figures = _make_figures(engine.catalogue, None)
        taps = _read(file, make_token, engine.catalogue, figures, watch)
        record_replay(place, file.path.name, file.format_name, len(taps), now_ms)
        _Decider(engine, file, figures, watch, now_ms, partial(read_published, place)).decide(taps)
    figures.about |= {"pilot": str(Pilot.CONFIGURED), "into_ledger": True}
    return figures


def _make_figures(catalogue: Catalogue, window_ms: int | None) -> Figures:
    network = catalogue.network
    return Figures(window_ms or read_pilot_window_ms(), network.time_zone, network.currency)


def _read(
    file: TapFile, make_token: MakeToken, catalogue: Catalogue, figures: Figures, watch: Watch
) -> list[FileTap]:
    """All taps of a file in the order of their clocks."""
    taps: list[FileTap] = []
    rows = 0
    for row in file.list_rows(make_token, catalogue.medium_patterns):
        rows += 1
        if isinstance(row, FileTap):
            taps.append(row)
        else:
            figures.add_skipped(row)
            watch.on_skipped(row)
        if rows % ROWS_BETWEEN == 0:
            watch.on_progress(rows, 0, None)
    figures.rows = rows
    figures.about |= {"format": file.format_name, "unused_columns": file.unused_columns}
    watch.on_progress(rows, 0, None)
    taps.sort(key=attrgetter("occurred_at_ms"))
    return taps


class _Decider:
    """Has taps decided in batches, and counts what they come to.

    `read_published` reads what is published now, where servers may publish something beside.
    """

    def __init__(
        self,
        engine: Engine,
        file: TapFile,
        figures: Figures,
        watch: Watch,
        now_ms: int,
        read_published: Callable[[], Published] | None = None,
    ) -> None:
        self._engine = engine
        self._catalogue = engine.catalogue
        self._file = file
        self._figures = figures
        self._watch = watch
        self._now_ms = now_ms
        self._read_published = read_published
        self._lines: dict[int, int] = {}

    def decide(self, taps: Sequence[FileTap]) -> None:
        """Decide taps that are in order already."""
        for start in range(0, len(taps), BATCH_TAPS):
            drawn = taps[start : start + BATCH_TAPS]
            batch = list(self._check(drawn))
            results = self._process([make_tap(tap) for tap in batch])
            for tap, result in zip(batch, results, strict=True):
                self._count(tap, result)
            self._watch.on_progress(self._figures.rows, start + len(drawn), len(taps))

    def _process(self, taps: Sequence[Tap]) -> list[Result]:
        """Have taps decided by what is published when they are stored."""
        results = self._engine.process(taps, self._now_ms)
        while self._read_published is not None and any(
            isinstance(result, Outdated) for result in results
        ):
            self._engine.use(self._read_published())
            self._catalogue = self._engine.catalogue
            results = self._engine.process(taps, self._now_ms)
        return results

    def _check(self, taps: Sequence[FileTap]) -> Iterator[FileTap]:
        """Those taps whose gate stands where the file says, so that the engine may see them."""
        find_gate, stations = self._catalogue.find_gate, self._catalogue.stations
        for tap in taps:
            gate, station_id = find_gate(tap.gate_id, tap.occurred_at_ms), tap.station_id
            if station_id is None or (gate is not None and gate.station_id == station_id):
                yield tap
            elif station_id not in stations:
                self._reject(tap.line_number, "station_id", "there is no such station")
            elif gate is not None:
                self._reject(tap.line_number, "station_id", "the gate belongs to another station")
            else:
                yield tap  # the engine says that it does not know the gate

    def _count(self, tap: FileTap, result: Result) -> None:
        if isinstance(result, LedgerError):
            raise result
        if isinstance(result, FareEngineError):
            column, message = _FAULTS.get(result.code, ("", str(result.code)))
            self._reject(tap.line_number, column, message)
        elif result.replayed:
            self._reject(tap.line_number, "", self._format_first(result.row), SkipReason.DUPLICATE)
        else:
            self._lines[result.row] = tap.line_number
            self._figures.add_verdict(result)

    def _format_first(self, row: int) -> str:
        """Where the first tap stands that another one repeats, by its row in the ledger."""
        line_number = self._lines.get(row)
        if line_number is None:
            return "the tap is in the ledger already"
        return f"repeats the tap of line {line_number}"

    def _reject(
        self,
        line_number: int,
        column: str,
        message: str,
        reason: SkipReason = SkipReason.MALFORMED,
    ) -> None:
        row = SkippedRow(line_number, reason, self._file.name_column(column), message)
        self._figures.add_skipped(row)
        self._watch.on_skipped(row)
