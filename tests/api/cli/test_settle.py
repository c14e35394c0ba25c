"""`settle` on a data directory, from files of taps to what is issued."""

from pathlib import Path

import pytest

from tests.commands import Command
from tests.fare_engine.replays import own_row, write_own

DAY = ("--service-date", "2021-11-25")


@pytest.fixture
def at(tmp_path: Path, command: Command) -> tuple[str, Path]:
    """A day on which a ride came in after the crossing that followed it."""
    at = ("--data-dir", tmp_path / "data")
    assert command("init", *at).status == 0
    crossing = (own_row("FHY-A-01", "entry", "09:00:00"), own_row("FHY-C-02", "exit", "09:05:00"))
    ride = (own_row("CXL-A-01", "entry", "08:00:00"), own_row("FHY-C-02", "exit", "08:30:00"))
    for rows in (crossing, ride):
        ended = command("replay", write_own(tmp_path, *rows), "--into-ledger", *at)
        assert ended.status == 0, ended.err
    return at


def test_a_day_is_tried_settled_and_settled_again(command: Command, at: tuple[str, Path]) -> None:
    tried = command("settle", *DAY, "--dry-run", *at, "--json").json
    assert (tried["settlement_id"], tried["adjustments"]) == (None, 1)
    ended = command("settle", *DAY, *at)
    assert ended.status == 0, ended.err
    assert "settlement 1: 1 tokens looked at" in ended.out
    assert "adjustments: 1" in ended.out
    assert "arrived_late" in ended.out
    again = command("settle", *DAY, *at, "--json").json
    assert (again["settlement_id"], again["items"]) == (2, [])


def test_a_date_that_cannot_be_settled(command: Command, at: tuple[str, Path]) -> None:
    assert command("settle", "--service-date", "24.11.2021", *at).status == 2
    assert command("settle", *at).status == 2
    early = command("settle", "--service-date", "1999-12-31", *at)
    assert (early.status, "1999-12-31" in early.err) == (1, True)
