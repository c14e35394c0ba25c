"""`adjustments` and `conflicts` on a data directory without a server."""

from pathlib import Path

import pytest

from tests.commands import Command
from tests.server_process import ServerProcess, make_tap, new_card

DAY = "2024-09-03"


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, Path]:
    """A ledger with a fare that no fare can be, and a tap_id that came with other content."""
    server = ServerProcess(tmp_path / "data")
    offline = {"gate_action_taken": "open", "fare_taken": 1_000_000}
    exit_ = make_tap("FHY-C-02", "exit", new_card(), f"{DAY}T08:30:00+08:00", offline=offline)
    with server.client() as client:
        assert client.post("/v1/taps", json=exit_).status_code == 200
        other = exit_ | {"occurred_at": f"{DAY}T09:00:00+08:00"}
        assert client.post("/v1/taps", json=other).status_code == 409
    server.stop()
    return ("--data-dir", server.data_dir)


def test_a_held_adjustment_is_listed_and_released(command: Command, at: tuple[str, Path]) -> None:
    settled = command("settle", "--service-date", DAY, *at)
    assert "adjustments: 0, 0 fen in all" in settled.out
    assert "held: 1, -9998" in settled.out
    assert "and" not in settled.out.splitlines()[-1]
    (held,) = command("adjustments", "list", "--state", "held", *at, "--json").json
    assert "held" in command("adjustments", "list", *at).out
    number = str(held["adjustment_id"])
    for _ in range(2):
        ended = command("adjustments", "release", number, "--reason", "a test of the gate", *at)
        assert f"adjustment {number} of {held['fare']} fen" in ended.out
        assert "was released" in ended.out
    refused = command("adjustments", "refuse", number, "--reason", "no", *at)
    assert (refused.status, "is not held" in refused.err) == (1, True)
    assert command("adjustments", "list", "--state", "held", *at).out == "none\n"
    assert command("adjustments", "release", "0", "--reason", "none", *at).status == 2


def test_conflicts_are_listed(command: Command, at: tuple[str, Path]) -> None:
    printed = command("conflicts", "list", "--gate", "FHY-C-02", *at).out
    assert "occurred_at" in printed
    (conflict,) = command("conflicts", "list", "--station", "FHY", *at, "--json").json
    assert conflict["sent_tap"]["gate_id"] == "FHY-C-02"
    past = command("conflicts", "list", "--to", "2021-01-01T00:00:00Z", *at)
    assert past.out == "none\n"
    assert command("conflicts", "list", "--station", "NOPE", *at).status == 1
