"""Operator commands call the server that is named, wherever it runs."""

from pathlib import Path

from tests.server_process import ServerProcess, run_command


def test_a_server_that_is_named_is_called_from_a_machine_without_its_ledger(
    server: ServerProcess, tmp_path: Path
) -> None:
    command = ("stations", "list", "--data-dir", tmp_path / "nowhere", "--json")
    done = run_command(*command, FARE_API_URL=server.url, FARE_ADMIN_KEY=server.admin_key)
    assert done.returncode == 0, done.stderr
    assert '"FHY"' in done.stdout


def test_a_server_that_is_named_needs_its_admin_key(server: ServerProcess) -> None:
    done = run_command("stations", "list", FARE_API_URL=server.url)
    assert done.returncode == 1
    assert "give its admin key in FARE_ADMIN_KEY" in done.stderr


def test_a_server_that_does_not_answer_is_reported() -> None:
    done = run_command(
        "stations", "list", FARE_API_URL="http://127.0.0.1:1", FARE_ADMIN_KEY="fe_admin_x"
    )
    assert done.returncode == 1
    assert "the server cannot be reached" in done.stderr
