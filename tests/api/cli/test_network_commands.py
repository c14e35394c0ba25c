"""`gates` and `media-types` on a data directory that no server holds."""

from pathlib import Path

import pytest

from tests.commands import Command


@pytest.fixture
def at(tmp_path: Path, command: Command) -> tuple[str, Path]:
    assert command("init", "--data-dir", tmp_path / "data").status == 0
    return "--data-dir", tmp_path / "data"


def test_a_gate_is_registered_shown_and_corrected(command: Command, at: tuple[str, Path]) -> None:
    missing = command("gates", "show", "NEW-01", *at)
    assert (missing.status, "NEW-01" in missing.err) == (1, True)
    put = ("gates", "put", "NEW-01", "--direction", "entry", *at)
    gate = command(*put, "--station", "CXL", "--json").json
    assert (gate["station_id"], gate["directions"]) == ("CXL", ["entry"])
    assert command(*put, "--station", "FHY").out == "NEW-01 belongs to FHY: entry\n"
    assert command("gates", "show", "NEW-01", *at, "--json").json["station_id"] == "FHY"
    assert command("gates", "list", *at, "--json").json[-1]["gate_id"] == "NEW-01"
    assert "NEW-01" in command("gates", "list", *at).out
    held = command("gates", "put", "FHY-A-01", "--direction", "entry", "--station", "CXL", *at)
    assert held.status == 1
    assert "designates this gate" in held.err
    wrong = command("gates", "put", "NEW-01", "--direction", "up", "--station", "FHY", *at)
    assert wrong.status == 2


def test_a_medium_type_is_added_and_listed(command: Command, at: tuple[str, Path]) -> None:
    name = ("--name-zh", "员工卡", "--name-en", "Staff card")
    add = ("media-types", "add", "staff_card", *name, "--id-pattern", "[0-9]{6}", *at)
    medium = command(*add, "--json").json
    assert command("media-types", "list", *at, "--json").json[-1] == medium
    assert "员工卡" in command("media-types", "list", *at).out
    again = command(*add)
    assert (again.status, "already" in again.err) == (1, True)
