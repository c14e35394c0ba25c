"""Text tables of a day and its settlement: taps in the order in which they reached the engine.

    # time   gate      way  token             | live answer    | what settlement issues for it
    12:30    FHY-A-01  in   anna              | entry_opened   |
    12:35    FHY-C-02  out  anna              | waived         |
    12:00    CXL-A-01  in   anna              | late           |
    12:20    FHY-C-02  out  anna              | late           | +400 arrived_late different_station

The metro is `small_metro`, the medium a ride code, so that no discount disturbs the eye: the pair
costs 400, a crossing that is charged 200, a missing exit 200. The live answer is a reason or an
outcome. On the right stands what settlement issues for the tap: fen with a sign, why, and what the
tap was decided again to be; `missing` before it where it is the fare of a missing exit, `held`
where it waits for a person. After the token may stand:

    offline=open:400     the gate decided alone, did this and took so much
    void=0               the gate reports, once all taps are in, that nobody passed; it took so much
    reported=open:0      the gate reports, once all taps are in, what it did and took

Each table is settled twice, and the second time must issue nothing.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Any, Final

from fare_engine.batch import ReportSubmission
from fare_engine.ledger.database import Address, open_database
from fare_engine.settle import Issue, Outcome, settle
from fare_engine.settlement.adjustments import Kind, State
from fare_engine.tap import Report, Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT, Metro, make_metro

THE_DAY: Final = date(2021, 11, 24)
NEXT_MORNING_MS: Final = NOON_MS + 17 * 60 * MINUTE_MS
"""05:00, when all journeys of the day have expired."""


def check(place: Address, table: str, *, daily_limit: int | None = None, **tariff: Any) -> None:
    """Decide the taps of a table, settle its day, and compare."""
    metro = open_metro(place, daily_limit=daily_limit, **tariff)
    try:
        _check(metro, table)
    finally:
        metro.ledger.close()


def _check(metro: Metro, table: str) -> None:
    expected: list[str] = []
    reports: list[tuple[Tap, Report]] = []
    for line in table.splitlines():
        text = line.partition("#")[0].strip()
        if text:
            expected.append(_decide(metro, text, reports))
    for tap, report in reports:
        send_report(metro, tap, report)
    outcome = settle_day(metro)
    assert sorted(map(format_issue, outcome.issues)) == sorted(filter(None, expected))
    assert settle_day(metro).issues == []


def open_metro(
    place: Address, *, run_rows: int = 4, daily_limit: int | None = None, **tariff: Any
) -> Metro:
    """The small metro, with what is different in its tariff. Its index tables follow soon."""
    metro = make_metro(place, run_rows=run_rows)
    metro.now_ms = NEXT_MORNING_MS
    (first,) = metro.catalogue.tariffs
    changed = replace(first, **tariff)
    policies = {"FHY": (replace(PILOT, daily_limit=daily_limit),)}
    metro.catalogue = replace(metro.catalogue, tariffs=(changed,), policies=policies, terms={})
    metro.use(metro.catalogue)
    return metro


def settle_day(
    metro: Metro,
    service_date: date = THE_DAY,
    now_ms: int = NEXT_MORNING_MS,
    *,
    dry_run: bool = False,
) -> Outcome:
    """One run of settlement over the metro's ledger."""
    database = open_database(metro.address)
    try:
        return settle(
            database,
            lambda: metro.catalogue,
            service_date,
            where=metro.ledger.where,
            actor="test",
            clock=lambda: now_ms,
            dry_run=dry_run,
        )
    finally:
        database.dispose()


def send_report(metro: Metro, tap: Tap, report: Report) -> None:
    """A gate reports what it did at a tap of before."""
    submission = ReportSubmission(tap.tap_id, report, metro.now_ms, lambda _: None)
    metro.engine.offer(submission)
    metro.engine.run_batch(metro.now_ms)
    assert isinstance(submission.results[0], Verdict), submission.results


def format_issue(issue: Issue) -> str:
    """An adjustment as it stands in a table, behind the tap it is about."""
    fare, due = issue.adjustment.fare, issue.adjustment.due
    missing = "missing " if due.kind is Kind.MISSING_EXIT else ""
    held = "held " if due.state is State.HELD else ""
    return f"{issue.tap_id} {held}{missing}{fare:+} {due.why.code} {due.reason.code}"


def _decide(metro: Metro, text: str, reports: list[tuple[Tap, Report]]) -> str:
    left, live, issued = [" ".join(part.split()) for part in text.split("|")]
    time, gate_id, way, token, *options = left.split()
    at_ms = _read_time(time)
    tap = metro.tap(
        gate_id,
        {"in": "entry", "out": "exit"}[way],
        token=token,
        medium_type="qr",
    ).replace(occurred_at_ms=at_ms)
    for option in options:
        name, value = option.split("=")
        if name == "offline":
            tap = tap.replace(report=_read_report(value))
        elif name == "void":
            reports.append((tap, Report(True, int(value), passed=False)))
        else:
            assert name == "reported", option
            reports.append((tap, _read_report(value)))
    reason = metro.decide(tap).decision.reason
    assert live in (reason.code, reason.outcome.code), f"{text}: was {reason.code}"
    return f"{tap.tap_id} {issued}" if issued else ""


def _read_time(text: str) -> int:
    """`12:30`, `12:30:30.001`, or `+1:08:00` on the day after."""
    days, hours, minutes, seconds = re.fullmatch(
        r"(?:\+([0-9]+):)?([0-9]{2}):([0-9]{2})(?::([0-9.]+))?", text
    ).groups("0")  # type: ignore[union-attr]
    since_noon = (int(days) * 24 + int(hours) - 12) * 60 + int(minutes)
    return NOON_MS + since_noon * MINUTE_MS + round(float(seconds) * 1_000)


def _read_report(text: str) -> Report:
    action, fare = text.split(":")
    return Report(action == "open", int(fare))
