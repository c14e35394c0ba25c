"""Replaying small files in a scratch ledger, for tests."""

from pathlib import Path

from fare_engine.interchange.formats import open_tap_file
from fare_engine.interchange.mapping import NO_MAPPING, FileMapping
from fare_engine.replay import run
from fare_engine.replay.figures import Figures
from fare_engine.replay.pilot import Pilot
from fare_engine.replay.run import Watch, replay_in_scratch
from tests.fare_engine.interchange.tap_files import (
    CARD,
    OWN_HEADER,
    SHENZHEN_HEADER,
    make_token,
    write_file,
)

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000


def replay(
    path: Path,
    *,
    mapping: FileMapping = NO_MAPPING,
    pilot: Pilot = Pilot.CONFIGURED,
    window_ms: int | None = None,
    watch: Watch = run.SILENT,
) -> Figures:
    with open_tap_file(path, mapping=mapping) as file:
        figures = replay_in_scratch(
            file,
            make_token,
            now_ms=NOW_MS,
            pilot=pilot,
            window_ms=window_ms,
            watch=watch,
        )
    assert figures.rows == figures.taps + sum(figures.skipped.values())
    assert sum(figures.outcomes.values()) == sum(figures.reasons.values()) == figures.taps
    return figures


def own_row(
    gate: str,
    direction: str,
    clock: str,
    *,
    card: str = CARD,
    tap_id: str = "",
    station: str = "",
    fare: str = "",
) -> str:
    moment = f"2021-11-25T{clock}+08:00"
    return f"{tap_id},{gate},{station},{direction},tianfutong,{card},{moment},{fare}"


def write_own(tmp_path: Path, *rows: str) -> Path:
    return write_file(tmp_path / "taps.csv", OWN_HEADER, *rows)


def write_shenzhen(tmp_path: Path, *rows: str) -> Path:
    return write_file(tmp_path / "day.csv", SHENZHEN_HEADER, *rows)


def tell_rejected(figures: Figures) -> list[str]:
    return [
        f"{row.line_number} {row.reason} {row.column}: {row.message}"
        for row in figures.list_rejected()
    ]
