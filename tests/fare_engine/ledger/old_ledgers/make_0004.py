"""How `0004.sql` was made: by the engine of schema 0004, through its command line and HTTP alone.

It holds every kind of thing that schema could hold. `0004.jsonl` is what the engine answered:
every tap and report, everything that can be read, and taps that came after the dump was taken.

A journey of the dump's own day expires five hours later, and settlement then claims its exit: what
came after the dump is to be asked of the same version once more by then.

It is kept as a record, and for the next schema: run at a checkout of that version, as
`python -m tests.fare_engine.ledger.old_ledgers.make_0004`, it writes both files anew.
"""

import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.fare_engine.ledger.old_ledgers.asking import READ, ask, list_paths, write
from tests.fare_engine.ledger.old_ledgers.maker import DAY, Body, Maker, card, now
from tests.fare_engine.ledger.old_ledgers.next_0004 import send_next
from tests.fare_engine.ledger.old_ledgers.taps_0004 import (
    report_all_kinds,
    tap_all_reasons,
    tap_late_and_alone,
    tap_problems,
)
from tests.server_process import ServerProcess, run_command

HERE: Final = Path(__file__).parent
SMALL_RUNS: Final = (
    sys.executable,
    "-c",
    "from fare_engine.ledger import runs; runs.RUN_ROWS = 40; from api.cli import main; main()",
)
"""The engine, but that its index runs begin at 40 rows and not at 100,000: one is cut off."""

FILLERS_MAX: Final = 200


def fill_catalogue(made: Maker) -> None:
    """Policies, tariffs, modes, media types, gates and keys, in several versions each."""
    made.publish(
        "/v1/stations/P/policies",
        {
            "window_seconds": 600,
            "media": ["tianfutong"],
            "designated_gates": ["P-1", "P-2", "P-3"],
            "effective_from": "2021-11-26T00:00:00+08:00",
            "note": "the second version",
        },
    )
    made.publish(
        "/v1/stations/Q/policies",
        {
            "window_seconds": 300,
            "media": ["tianfutong"],
            "designated_gates": ["Q-1"],
            "effective_from": "2021-11-24T00:00:00+08:00",
            "effective_to": "2021-11-27T00:00:00+08:00",
        },
    )
    rules = made.client.get("/v1/tariffs/1").json()["rules"]
    changes = {
        "effective_from": "2021-11-26T00:00:00+08:00",
        "unmatched_exit": "open",
        "journey_expiry": {"minutes": 300},
        "explicit_fares": [["P", "R", 450]],
    }
    made.publish("/v1/tariffs", rules | changes)
    modes = ("sequence_free", "entry_free", "exit_free", "time_free", "fare_free", "emergency")
    for hour, mode in enumerate(modes, start=10):
        times = ("--from", f"{DAY}T{hour}:00:00+08:00", "--to", f"{DAY}T{hour}:59:00+08:00")
        made.command("modes", "start", "R", mode, "--reason", "made up", *times)
    made.command("modes", "start", "R", "time_free", "--reason", "still in force")
    made.command("modes", "start", "R", "fare_free", "--reason", "ended at once")
    made.command("modes", "end", "R", "fare_free", "--reason", "ended at once")
    spare = made.command("keys", "create", "--name", "spare", "--station", "R")
    made.command("keys", "revoke", spare["key_id"])


def repair(made: Maker) -> None:
    """Register what was missing."""
    made.publish(
        "/v1/gates/N-1", {"station_id": "Q", "directions": ["entry", "exit"]}, method="PUT"
    )
    made.publish(
        "/v1/media-types",
        {"code": "student", "name": {"zh": "学生卡", "en": "Student"}, "id_pattern": "[0-9]{8}"},
    )


def use_ride_codes(made: Maker) -> None:
    """Codes of two issuers: taken, copied, expired, invalid; a key rotated and one retired."""
    key, other = made.directory / "metro.pem", made.directory / "metro-2.pem"
    begins = ("--from", "2021-01-01T00:00:00+08:00")
    made.command("issuers", "add", "metro", "--key-id", "1", "--new-key", key, *begins)
    made.command("issuers", "rotate", "metro", "--key-id", "2", "--new-key", other, *begins)
    bank = made.directory / "bank.pem"
    made.command("issuers", "add", "bank", "--key-id", "1", "--new-key", bank, *begins)

    def issue(at: str, account: str = "account-50", *more: object) -> Body:
        options = ("--issuer", "metro", "--key-id", "1", "--key", key)
        done = run_command(
            *("ride-code", "issue", account, *options, "--at", f"{DAY}T{at}+08:00", "--json"), *more
        )
        assert done.returncode == 0, done.stderr
        return {"type": "qr", "code": json.loads(done.stdout)["code"]}

    tap = made.tap
    code = issue("13:00:00")
    tap("P-1", "entry", code, "13:00:10.000")
    tap("P-1", "entry", code, "13:00:40.000")  # again within the grace
    tap("Q-1", "entry", code, "13:00:50.000")  # ride_code_replayed
    tap("P-2", "exit", issue("13:05:00"), "13:05:10.000")
    tap("P-1", "entry", issue("13:05:00"), "13:09:00.000")  # ride_code_expired
    tap("P-1", "entry", issue("13:20:00", "account-51", "--companion", 1), "13:20:05.000")
    made.command("issuers", "retire", "metro", "--key-id", "1", "--reason", "lost", *_at("13:30"))
    tap("P-1", "entry", issue("13:40:00"), "13:40:10.000")  # ride_code_invalid
    verified = {"type": "qr", "id": "account-52", "code_id": "619dd000.bank.00112233445566778899"}
    tap("P-1", "entry", verified, "14:00:00.000")
    tap("Q-1", "entry", verified, "14:20:00.000")  # ride_code_replayed


def _at(time: str) -> tuple[str, str]:
    return "--at", f"{DAY}T{time}:00+08:00"


def tap_now(made: Maker) -> None:
    """What operators can do from now on only: blocked media, suspensions, clocks that are wrong."""
    blocked = {"medium": card(60), "reason": "lost"}
    made.publish("/v1/media/block", blocked)
    made.publish("/v1/media/block", {"medium": card(61), "reason": "lost"})
    made.publish("/v1/media/unblock", {"medium": card(61), "reason": "found"})
    made.tap("P-1", "entry", card(60), now(1))  # medium_blocked
    alone = {"gate_action_taken": "open", "fare_taken": 0}
    made.tap("P-1", "entry", card(60), now(2), offline=alone)  # and inside all the same
    made.publish("/v1/stations/P/policies/suspend", {"reason": "crowded"})
    made.tap("P-1", "entry", card(62), now(3))
    made.publish("/v1/stations/P/policies/resume", {"reason": "over"})
    made.publish("/v1/stations/Q/policies/suspend", {"reason": "for good"})
    made.tap("P-2", "exit", card(62), now(6))  # station_not_in_pilot by the pinned suspension
    for skew_ms in (-90_000, 45_000):
        beat = {
            "sent_at": now(),
            "parameters_version": None,
            "outbox_taps": 0,
            "gates": [{"gate_id": "R-1", "clock_skew_ms": skew_ms}],
        }
        made.publish("/v1/controllers/R-C/heartbeat", beat)
        made.tap("R-1", "entry", card(63), now())  # clock_suspect


def settle(made: Maker) -> None:
    """Runs that issue, a run that has nothing left, and one that gives back what it claimed."""
    repair(made)
    for date in (DAY, DAY, "2021-11-25", now()[:10]):
        made.command("settle", "--service-date", date)
    made.tap("P-2", "exit", card(24), "09:08:00.000")  # the exit that was missing
    late = {"gate_action_taken": "open", "fare_taken": 0}
    made.tap("Q-1", "exit", card(9), "08:20:00.000", offline=late)
    made.command("settle", "--service-date", DAY)


def cut_an_index_run_off(made: Maker) -> None:
    """Tap until some rows of a run have their index entries and others have none; then kill."""
    path = made.server.data_dir / "ledger.sqlite3"
    query = (
        "SELECT (SELECT count(*) FROM tap_ids),"
        " (SELECT count(*) FROM tap_ids JOIN ledger_marks ON name = 'indexed_through'"
        "  WHERE tap_ids.row > value)"
    )
    for number in range(FILLERS_MAX):
        made.tap("P-1", "entry", card(1_000 + number), "16:00:00.000")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            written, beyond = ledger.execute(query).fetchone()
        if written > beyond > 0:
            made.server.kill()
            return
    raise AssertionError("no run was met half way")


def main() -> None:
    """Make the ledger, and write both files."""
    with tempfile.TemporaryDirectory(prefix="fare-old-ledger-") as scratch:
        directory = Path(scratch)
        data_dir = directory / "data"
        init = ("init", "--data-dir", data_dir, "--network", HERE / "0004.toml", "--json")
        setup = json.loads(run_command(*init).stdout)
        server = ServerProcess(data_dir, program=SMALL_RUNS, setup=setup)
        made = Maker(server, directory)
        for step in (
            fill_catalogue,
            tap_all_reasons,
            tap_late_and_alone,
            report_all_kinds,
            tap_problems,
            use_ride_codes,
            tap_now,
            settle,
            cut_an_index_run_off,
        ):
            step(made)
        server = ServerProcess(data_dir, setup=setup)
        with server.client(server.admin_key) as client:
            reads = [ask(client, "GET", path) for path in list_paths(client, made.exchanges)]
        server.stop()
        with closing(sqlite3.connect(data_dir / "ledger.sqlite3")) as ledger:
            HERE.joinpath("0004.sql").write_text("\n".join(ledger.iterdump()) + "\n", "utf-8")
        token_key = data_dir.joinpath("token.key").read_text("ascii")
        server.restart()
        with server.client(server.admin_key) as client:
            next_ones = send_next(client)
        server.stop()
    write(
        HERE / "0004.jsonl",
        [
            {"setup": setup, "token_key": token_key.strip()},
            *({"again": exchange} for exchange in made.exchanges),
            *({READ: exchange} for exchange in reads),
            *({"conflict": exchange} for exchange in made.conflicts),
            *({"next": exchange} for exchange in next_ones),
        ],
    )
    print(f"{len(made.exchanges)} exchanges, {len(reads)} answers read")


if __name__ == "__main__":
    main()
