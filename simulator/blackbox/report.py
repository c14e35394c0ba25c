"""The report of a run: one document, and its text for people."""

from collections.abc import Iterator
from typing import Any

from simulator import machine
from simulator.auditor.verdict import Verdict
from simulator.blackbox.book import Book
from simulator.blackbox.fault_log import FaultLog
from simulator.report.document import describe_world
from simulator.world.world import World


def make_document(
    about: dict[str, Any], world: World, book: Book, faults: FaultLog, verdict: Verdict
) -> dict[str, Any]:
    """All figures of a run. `about` says what was run."""
    counts, checked = book.counts, verdict.checked
    findings = book.findings.document()
    return {
        "passed": not findings["count"],
        **about,
        "machine": machine.describe(),
        "world": describe_world(world),
        "kills": faults.kills,
        "faults": faults.document(),
        "tried_in_vain": counts["tried in vain"],
        "timed_out": counts["timed out"],
        "answered_5xx": counts["answered 5xx"],
        "taps": {
            "sent": len(book.bodies),
            "acknowledged": len(book.answers),
            "decided_alone": counts["decided alone"],
            "in_batches": counts["sent in batches"],
            "largest_batch": counts["largest batch"],
        },
        "resent": counts["resent"],
        "decided_before_resent": counts["decided before"],
        "answers_compared": counts["compared"],
        "money": {
            "fare": book.fare,
            "fare_at_last": book.fare_at_last,
            "fare_by_the_rule": checked["fen fare by the rule"],
            "currency": "CNY",
        },
        "outcomes": book.list_outcomes(),
        "audit": verdict.to_document(),
        "acknowledged_lost": findings["by_check"].get("lost", 0),
        "entries_consumed_twice": findings["by_check"].get("consumed", 0),
        "answers_changed": findings["by_check"].get("changed", 0),
        "findings": findings,
    }


def format_report(report: dict[str, Any]) -> str:
    """All of it that a person wants to see on a terminal."""
    return "\n".join(_lines(report))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    for row in report["outcomes"]:
        yield f"{row['outcome']:<10} {row['reason']:<28} {row['taps']:>9,}"
    yield ""
    world = report["world"]
    yield f"{report['command']}: {report['seconds']:.0f} s"
    yield f"seed {world['seed']}, taps of fingerprint {world['fingerprint'][:16]}"
    yield machine.format_line(report["machine"])
    yield ""
    yield from _figures(report)
    yield _line("acknowledged lost", report["acknowledged_lost"])
    yield _line("entries twice", report["entries_consumed_twice"])
    yield _line("answers changed", report["answers_changed"])
    findings = report["findings"]
    yield _line("findings", findings["count"])
    for check, count in findings["by_check"].items():
        yield f"  {check}: {count:,}"
    for example in findings["examples"]:
        yield f"  {example}"


def _figures(report: dict[str, Any]) -> Iterator[str]:
    taps, money, checked = report["taps"], report["money"], report["audit"]["checked"]
    for fault in report["faults"]:
        bound = fault["silence_seconds_max"]
        allowed = "" if bound is None else f", {bound:g} s allowed"
        silence = f"{fault['longest_silence_seconds']:.2f} s without an answer at most{allowed}"
        yield f"{fault['count']:>6,}  {fault['kind']}: {silence}"
    yield _line("kills and faults", report["kills"])
    yield _line("taps", taps["sent"], f"of {report['world']['passengers']:,} passengers")
    yield _line("acknowledged", taps["acknowledged"])
    largest = f"of up to {taps['largest_batch']:,} taps"
    yield _line("sent in batches", taps["in_batches"], largest)
    decided = report["decided_before_resent"]
    yield _line("resent", report["resent"], f"{decided:,} had been decided without an answer")
    yield _line("decided alone", taps["decided_alone"], "uploaded with what the gate did")
    yield _line("connections refused", report["tried_in_vain"])
    yield _line("not answered in time", report["timed_out"], "and sent again")
    yield _line("answered 5xx", report["answered_5xx"], "and sent again")
    yield _line("answers compared", report["answers_compared"])
    yield _line("entries consumed", checked.get("entries consumed", 0))
    at_last, by_rule = money["fare_at_last"], money["fare_by_the_rule"]
    yield _line("fen answered", money["fare"], f"{by_rule:,} by the rule, {at_last:,} at the end")
    audited = checked.get("decisions checked", 0), checked.get("taps read back", 0)
    yield _line("audited", audited[0], f"decided again by the auditor, {audited[1]:,} read back")


def _line(what: str, count: int, more: str = "") -> str:
    return f"{what:<20} {count:>9,}  {more}".rstrip()
