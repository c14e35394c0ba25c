"""`gates` and `media-types` on a data directory that no server holds."""

from pathlib import Path

import pytest

from tests.api.cli.test_cli import fail, tell
from tests.server_process import run_command


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    data_dir = tmp_path_factory.mktemp("network") / "data"
    run = run_command("init", "--data-dir", data_dir, "--json")
    assert run.returncode == 0, run.stderr
    return "--data-dir", data_dir


def test_a_gate_is_registered_shown_and_corrected(at: tuple[str, Path]) -> None:
    assert "NEW-01" in fail("gates", "show", "NEW-01", *at)
    put = ("gates", "put", "NEW-01", "--direction", "entry", *at)
    gate = tell(*put, "--station", "CXL")
    assert (gate["station_id"], gate["directions"]) == ("CXL", ["entry"])
    assert tell(*put, "--station", "FHY")["station_id"] == "FHY"
    assert tell("gates", "show", "NEW-01", *at)["station_id"] == "FHY"
    assert tell("gates", "list", *at)[-1]["gate_id"] == "NEW-01"
    assert "NEW-01" in run_command("gates", "list", *at).stdout
    told = fail("gates", "put", "FHY-A-01", "--direction", "entry", "--station", "CXL", *at)
    assert "designates this gate" in told
    wrong = run_command("gates", "put", "NEW-01", "--direction", "up", "--station", "FHY", *at)
    assert wrong.returncode == 2


def test_a_medium_type_is_added_and_listed(at: tuple[str, Path]) -> None:
    name = ("--name-zh", "员工卡", "--name-en", "Staff card")
    add = ("media-types", "add", "staff_card", *name, "--id-pattern", "[0-9]{6}", *at)
    medium = tell(*add)
    assert tell("media-types", "list", *at)[-1] == medium
    assert "员工卡" in run_command("media-types", "list", *at).stdout
    assert "already" in fail(*add)
