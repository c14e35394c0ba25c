"""The results of a replay: tables as text, and a CSV file of skipped rows."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.cli.shared.output import print_table
from fare_engine.decision import Reason
from fare_engine.errors import FileInvalid
from fare_engine.interchange.rows import SkippedRow
from fare_engine.replay.figures import Figures

REJECTED_SHOWN_MAX = 20


class Amount(str):
    """Money as it is printed."""

    __slots__ = ()


def _format_money(fen: int) -> Amount:
    return Amount(f"{fen // 100:,}.{fen % 100:02}")


def print_report(figures: Figures) -> None:
    """All figures of a replay on standard output."""
    about = figures.about
    _print_headed(
        f"{figures.rows:,} rows, format {about['format']}",
        ("rows", ""),
        [("taps decided", figures.taps)]
        + [(f"skipped: {reason}", count) for reason, count in figures.skipped.items()],
    )
    if about["unused_columns"]:
        print(f"columns not used: {', '.join(about['unused_columns'])}\n")
    if figures.first_occurred_at_ms is not None:
        first = figures.format_moment(figures.first_occurred_at_ms)
        last = figures.format_moment(figures.last_occurred_at_ms)
        print(f"taps from {first} to {last}\n")
    _print_headed(
        f"Decisions (pilot: {about['pilot']})",
        ("outcome", "reason", "taps"),
        [
            (reason.outcome.code, reason.code, count)
            for reason in Reason
            if (count := figures.reasons[reason.code])
        ],
    )
    _print_headed(
        "Entries by how they ended", ("", "entries"), list(figures.count_entries().items())
    )
    _print_same_station(figures)
    _print_headed(
        f"Money in {figures.currency}",
        ("", "amount"),
        [
            ("fares taken", _format_money(figures.fare)),
            ("same-station fares waived", _format_money(figures.fare_waived)),
            ("recorded against missing exits", _format_money(figures.incomplete_fare)),
        ],
    )
    _print_rejected(figures)


def _print_same_station(figures: Figures) -> None:
    crossings = figures.same_station
    rows: list[tuple[str, int | None, int | None]] = []
    previous = 0
    for stretch in crossings.list_by_elapsed():
        bound = stretch["up_to_minutes"]
        upper = "" if bound is None else f"≤ {bound}"
        lower = f"> {previous}" if previous else ""
        label = f"{', '.join(filter(None, (lower, upper)))} min"
        rows.append((label, stretch["pairs"], stretch["waived"]))
        previous = bound or previous
    rows.append(("all", crossings.pairs, sum(crossings.waived_by_elapsed)))
    _print_headed(
        f"Same-station pairs by elapsed time ({crossings.within_window:,} within the window)",
        ("elapsed", "pairs", "waived"),
        rows,
    )


def _print_rejected(figures: Figures) -> None:
    if not figures.rejected_count:
        return
    shown = figures.list_rejected()[:REJECTED_SHOWN_MAX]
    _print_headed(
        f"Rejected rows: {figures.rejected_count:,}",
        ("line", "reason", "column", "what is wrong"),
        [(row.line_number, row.reason, row.column or None, row.message) for row in shown],
    )
    if figures.rejected_count > len(shown):
        more = figures.rejected_count - len(shown)
        print(f"and {more:,} more; --rejected FILE writes all of them")


def _print_headed(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print(title)
    aligned = zip(*(_align(column) for column in zip(*rows, strict=True)), strict=True)
    print_table(columns, list(aligned))
    print()


def _align(cells: tuple[object, ...]) -> list[object]:
    """Cells as text; a column of counts or amounts is aligned to the right."""
    texts = [f"{cell:,}" if type(cell) is int else cell for cell in cells]
    if not all(isinstance(cell, int | Amount) for cell in cells):
        return texts
    width = max(len(str(cell)) for cell in texts)
    return [str(cell).rjust(width) for cell in texts]


@contextmanager
def write_skipped(path: Path | None) -> Iterator[Callable[[SkippedRow], None]]:
    """Returns what writes a skipped row to a CSV file. Without a path, rows are dropped."""
    if path is None:
        yield lambda _row: None
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(SkippedRow._fields)
            yield writer.writerow
    except OSError as error:
        raise FileInvalid(f"{path}: cannot be written: {error.strerror}") from error
