"""A ledger of an earlier schema is migrated, and answers all that it answered."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.fare_engine.ledger.old_ledgers.asking import READ, Exchange, ask, read
from tests.server_process import ServerProcess, run_command

HERE: Final = Path(__file__).parent
SCHEMAS: Final = sorted(path.stem for path in HERE.glob("*.sql"))
NEW_CLOCKS: Final = frozenset({"decided_at", "received_at", "issued_at"})
"""Of what was decided after the dump."""


class OldLedger(NamedTuple):
    """A migrated ledger that is served, and what was asked of it when it was made."""

    schema: str
    server: ServerProcess
    lines: list[dict[str, Any]]

    def list_exchanges(self, kind: str) -> list[Exchange]:
        return [line[kind] for line in self.lines if kind in line]

    def check(self, kind: str, left_out: frozenset[str] = frozenset()) -> None:
        """All exchanges of a kind come to what they came to."""
        with self.server.client(self.server.admin_key) as client:
            for was in self.list_exchanges(kind):
                now = ask(client, was["method"], was["path"], was["body"])
                assert now["status"] == was["status"], now
                about = f"{was['method']} {was['path']} {was['body']}"
                expected = _pick(was["answer"], was["answer"], left_out)
                assert _pick(now["answer"], was["answer"], left_out) == expected, about


@pytest.fixture(scope="module", params=SCHEMAS)
def old(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OldLedger]:
    schema: str = request.param
    data_dir = tmp_path_factory.mktemp(f"old-{schema}") / "data"
    lines = read(HERE / f"{schema}.jsonl")
    load(schema, lines[0]["token_key"], data_dir)
    migrated = run_command("migrate", "--data-dir", data_dir)
    assert migrated.returncode == 0, migrated.stderr
    server = ServerProcess(data_dir, setup=lines[0]["setup"])
    yield OldLedger(schema, server, lines)
    server.stop()


def load(schema: str, token_key: str, data_dir: Path) -> None:
    """The data directory of a dump."""
    data_dir.mkdir(mode=0o700)
    with closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as ledger:
        ledger.executescript((HERE / f"{schema}.sql").read_text("utf-8"))
    key_path = data_dir / "token.key"
    key_path.touch(mode=0o600)
    key_path.write_text(token_key + "\n", "ascii")


def test_everything_is_answered_as_it_was(old: OldLedger) -> None:
    old.check(READ)
    old.check("again")
    old.check(READ)  # what came again changed nothing
    old.check("conflict")
    old.check("next", NEW_CLOCKS)  # and what follows goes on from the states there were


def test_its_keys_still_open_it(old: OldLedger) -> None:
    taps = [exchange for exchange in old.list_exchanges("again") if exchange["path"] == "/v1/taps"]
    of_the_pilot = next(tap for tap in taps if tap["body"]["gate_id"] == "P-1")
    with old.server.client() as client:
        assert client.post("/v1/taps", json=of_the_pilot["body"]).json() == of_the_pilot["answer"]
        assert client.get("/v1/keys").status_code == 403


def test_its_conflicts_name_their_taps_and_no_sender(old: OldLedger) -> None:
    tap_ids = {
        exchange["body"]["tap_id"]
        for exchange in old.list_exchanges("again")
        if exchange["path"] == "/v1/taps"
    }
    with old.server.client(old.server.admin_key) as client:
        items = client.get("/v1/conflicts", params={"limit": 1_000}).json()["items"]
    of_before = [item for item in items if item["sender"] is None]
    assert {item["kind"] for item in of_before} == {"tap", "report"}
    for item in of_before:
        assert item["tap_id"] in tap_ids
        assert item["differs"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_dump_holds_every_kind_of_thing(schema: str, tmp_path: Path) -> None:
    load(schema, "", tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite3")) as ledger:

        def ask_one(query: str) -> Any:
            (value,) = ledger.execute(query).fetchone()
            return value

        assert ask_one("SELECT version_num FROM alembic_version") == schema
        tables = [
            name for (name,) in ledger.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        assert [name for name in tables if not ask_one(f'SELECT count(*) FROM "{name}"')] == []
        assert ask_one("SELECT count(*) FROM reports WHERE reversed") >= 4
        indexed = ask_one("SELECT value FROM ledger_marks WHERE name = 'indexed_through'")
        begun = ask_one(f"SELECT count(*) FROM tap_ids WHERE row > {indexed}")
        assert 0 < begun < ask_one(f"SELECT count(*) FROM taps WHERE row > {indexed}")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_its_taps_have_every_reason(schema: str) -> None:
    exchanges = [line["again"] for line in read(HERE / f"{schema}.jsonl") if "again" in line]
    reasons = {exchange["answer"]["reason"] for exchange in exchanges}
    assert reasons >= {
        *("entry_opened", "entry_repeated", "entry_superseded"),
        *("same_station_within_window", "emergency", "different_station", "overstay"),
        *("station_not_in_pilot", "medium_not_eligible", "gate_not_designated"),
        *("window_exceeded", "daily_limit_reached"),
        *("exit_repeated", "no_open_entry", "entry_expired", "arrived_out_of_order"),
        *("ride_code_invalid", "ride_code_expired", "ride_code_replayed", "medium_blocked"),
        *("unknown-gate", "direction-not-allowed", "unknown-medium", "medium-id-invalid"),
        *("clock-ahead", "no-tariff-in-force"),
    }


def _pick(value: Any, wanted: Any, left_out: frozenset[str]) -> Any:
    """The members that are wanted: a later version may add some."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return {
            name: _pick(value[name], wanted[name], left_out)
            for name in wanted
            if name in value and name not in left_out
        }
    if isinstance(value, list) and isinstance(wanted, list) and len(value) == len(wanted):
        return [_pick(*both, left_out) for both in zip(value, wanted, strict=True)]
    return value
