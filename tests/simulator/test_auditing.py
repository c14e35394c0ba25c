"""Runs that the auditor looks at: clean ones, tampered ones, and operators who change things."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from api.cli.simulate import app
from simulator import auditing
from simulator.auditing import audit_server, audit_world
from simulator.day import run_day
from simulator.delivery.exchanges import Audited, Auditor, Exchanges
from simulator.delivery.requests import Controllers
from simulator.load import Load, Progress, run_load
from simulator.publications import fetch_published
from simulator.target import open_target
from simulator.world.chengdu import WorldNetwork, make_network
from tests.commands import Command
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

SCALE = 0.000_3
OPENED = "2021-11-25T00:00:00+08:00"
"""Before the taps of a load, which have the times of a simulated day."""


def _nobody_looks(_what: str, _done: int, _total: int) -> None:
    """Progress."""


def _alter(exchanges: Exchanges, **fields: Any) -> Exchanges:
    """The same exchanges, but the first free crossing is answered otherwise."""
    altered, done = Exchanges(), False
    altered.blocked = exchanges.blocked
    for exchange in exchanges.raw():
        answer = json.loads(exchange.answer)
        if not done and answer["outcome"] == "waived":
            altered.add(*exchange._replace(answer=json.dumps(answer | fields).encode()))
            done = True
        else:
            altered.add(*exchange)
    return altered


def _tamper(world: WorldNetwork, progress: Progress, _keep: Path | None) -> Auditor:
    """An auditor who sees that somebody paid for a free crossing."""
    auditor = audit_world(world, progress)
    return lambda exchanges: auditor(_alter(exchanges, fare=200))


def test_a_day_is_audited_clean_and_the_auditor_counts_what_the_report_does() -> None:
    auditor = audit_world(make_network(), _nobody_looks)
    report = run_day(42, SCALE, None, "a command", _nobody_looks, auditor)
    audit, money = report["audit"], report["money"]
    assert audit["passed"], audit
    assert report["passed"]
    assert audit["findings"] == []
    assert audit["found"] == {}
    assert audit["verdict"].endswith(": nothing is wrong")
    checked = audit["checked"]
    assert checked["decisions checked"] == checked["taps sent"] == report["taps"]["decided"]
    assert checked["answers repeated"] == report["sent_again"] > 0
    assert checked["fen fare"] == checked["fen fare by the rule"] == money["fare"] > 0
    assert checked["fen fare_waived"] == money["fare_waived"] > 0
    outcomes: dict[str, int] = {}
    for row in report["outcomes"]:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["taps"]
    assert {f"taps {outcome}": taps for outcome, taps in outcomes.items()} == {
        name: count
        for name, count in checked.items()
        if name.removeprefix("taps ") in outcomes and name.startswith("taps ")
    }


def test_a_wrong_answer_is_found_and_printed_and_fails_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "audit_world", _tamper)
    done = CliRunner().invoke(app, ["day", "--scale", str(SCALE)])
    assert done.exit_code == 1, done.output
    assert "2 findings" in done.output
    assert "wrong-fare: exit at " in done.output
    assert "fare is 200 instead of 0" in done.output
    assert "money-not-conserved" in done.output


def test_without_the_audit_nobody_asks_the_auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "audit_world", _tamper)
    done = CliRunner().invoke(app, ["day", "--scale", str(SCALE), "--no-audit"])
    assert done.exit_code == 0, done.output
    assert "auditor: not asked" in done.output


def test_an_audit_that_saw_nothing_is_no_pass() -> None:
    audited = audit_world(make_network(), _nobody_looks)(Exchanges())
    assert not audited.passed
    assert audited.checked["taps sent"] == 0


def test_a_run_that_was_kept_is_audited_again_by_a_command(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    asked = CliRunner().invoke(app, ["day", "--scale", str(SCALE), "--keep", str(log), "--json"])
    assert asked.exit_code == 0, asked.output
    audit = json.loads(asked.stdout)["audit"]
    done = CliRunner().invoke(app, ["audit", str(log)])
    assert done.exit_code == 0, done.output
    assert done.output == audit["verdict"] + "\n"
    text = log.read_text("utf-8")
    log.write_text(text.replace(r'"fare\":0', r'"fare\":1', 1), encoding="utf-8")
    done = CliRunner().invoke(app, ["audit", str(log), "--json"])
    assert done.exit_code == 1
    again = json.loads(done.stdout)
    assert again["found"] == {"money-not-conserved": 1, "wrong-fare": 1}
    assert again["checked"]["taps sent"] == audit["checked"]["taps sent"]


def test_a_log_that_cannot_be_read_is_reported_with_its_line(
    tmp_path: Path, command: Command
) -> None:
    log = tmp_path / "run.jsonl"
    log.write_text('{"event": "unanswered", "request": "r1"}\n', encoding="utf-8")
    assert "line 1" in command("simulate", "audit", log).failure
    assert command("simulate", "audit", tmp_path / "none.jsonl").status == 2
    unseen = CliRunner().invoke(app, ["day", "--no-audit", "--keep", str(log)])
    assert unseen.exit_code == 2


def _change(admin: httpx2.Client, server: ServerProcess) -> None:
    """A suspension that was lifted, and gates that stood open all the time."""
    station = f"/v1/stations/{server.pilot['station_id']}"
    for path, body in (
        ("/policies/suspend", {"reason": "smoke"}),
        ("/policies/resume", {"reason": "it was steam"}),
        ("/modes", {"mode": "emergency", "reason": "recorded late", "effective_from": OPENED}),
    ):
        admin.post(station + path, json=body).raise_for_status()


@pytest.mark.parametrize("in_the_middle", [False, True])
def test_the_auditor_knows_what_a_server_lets_go_and_since_when(
    make_server: Callable[..., ServerProcess], in_the_middle: bool
) -> None:
    server = make_server()
    changed: list[int] = []
    load = Load(42, 300, 2.0, False, 0.0, Controllers(8, 10, 4))
    with (
        open_target(server.url, server.admin_key) as target,
        server.client(server.admin_key) as admin,
    ):

        def change(what: str = "answers", done: int = 1, _total: int = 0) -> None:
            if what == "answers" and done and not changed:
                _change(admin, server)
                changed.append(done)

        if not in_the_middle:
            change()
        auditor = audit_server(target.url, target.key, _nobody_looks)
        report = run_load(load, target, "a command", change, auditor)
    assert changed
    assert report["audit"]["passed"], report["audit"]
    assert report["audit"]["checked"]["decisions checked"] == 300
    assert report["audit"]["checked"].get("changes published", 0) == in_the_middle
    reasons = {row["reason"] for row in report["outcomes"]}
    assert ("same_station_within_window" in reasons) == in_the_middle
    assert "emergency" in reasons


def test_requests_without_an_answer_are_no_findings(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()

    def kill_it(what: str, done: int, _total: int) -> None:
        if what == "answers" and done and server.process.poll() is None:
            server.kill()

    verdicts: list[Audited] = []
    load = Load(42, 300, 1.5, False, 0.0, Controllers(8))
    with open_target(server.url, server.admin_key) as target:
        published = fetch_published(target.url, target.key)

        def auditor(exchanges: Exchanges) -> Audited:
            audited = auditing.audit(exchanges, published, lambda: published, _nobody_looks)
            verdicts.append(audited)
            return audited

        report = run_load(load, target, "a command", kill_it, auditor)
    (audited,) = verdicts
    assert not report["passed"]
    assert audited.passed, audited
    assert audited.checked["requests unanswered"] > 0
    assert audited.checked["decisions checked"] == report["taps"]["decided"]


def test_a_network_of_unknown_distances_is_not_looked_at() -> None:
    gate = {"gate_id": "M-1", "station_id": "MOON", "directions": ["entry"]}
    by_distance = {"rules": {"bands": [[4_000, 200]]}}
    published = {"gates": [gate], "tariffs": [by_distance]}
    audited = auditing.audit(Exchanges(), published, lambda: published, _nobody_looks)
    assert audited.checked == {}
    assert "MOON is not known here" in audited.verdict
