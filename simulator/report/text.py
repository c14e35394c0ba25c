"""A report in plain lines."""

from collections.abc import Iterator
from typing import Any, Final

from simulator import machine

FINDINGS_SHOWN_MAX: Final = 20
UNITS: Final = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}


def format_report(report: dict[str, Any]) -> str:
    """All of it that a person wants to see on a terminal."""
    return "\n".join(_lines(report))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    taps, world, rate = report["taps"], report["world"], report["rate"]
    yield f"{'outcome':<10} {'reason':<28} {'taps':>11}"
    for row in report["outcomes"]:
        yield f"{row['outcome']:<10} {row['reason']:<28} {row['taps']:>11,}"
    yield f"{'':<10} {'all':<28} {taps['decided']:>11,}"
    yield ""
    yield f"{'intention':<38} {'taps':>11} {'as intended':>12} {'wrong':>7}"
    for row in report["intentions"]:
        fared = f"{row['as_intended']:>12,} {row['wrong']:>7,}"
        yield f"{row['intention']:<38} {row['taps']:>11,} {fared}"
    yield ""
    money = report["money"]
    yield (
        f"fares taken {money['fare'] / 100:,.2f} {money['currency']}, "
        f"waived {money['fare_waived'] / 100:,.2f}"
    )
    yield f"{report['sent_again']:,} taps and reports sent after a first answer: answered as before"
    yield (
        f"world: seed {world['seed']}, {world['passengers']:,} passengers, {taps['sent']:,} taps, "
        f"{world['stations']} stations, {world['gates']:,} gates (examples), "
        f"fingerprint {world['fingerprint'][:16]}"
    )
    if world["left_out"]:
        yield f"  left out, the metro has no place for it: {', '.join(world['left_out'])}"
    asked = f" of {rate['asked']:,.0f} asked" if rate["asked"] else ""
    yield f"{rate['held']:,.0f} taps/s{asked}, {report['seconds']:.1f} s, {report['how']}"
    since = "the scheduled arrival" if rate["asked"] else "sending"
    for name, what in (("latency_ms", "latency"), ("lateness_ms", "of it the driver's lateness")):
        figures = report[name]
        if figures:
            times = ", ".join(f"{unit} {figures[key]:.2f}" for key, unit in UNITS.items())
            yield f"{what} in ms, from {since}: {times} ({figures['count']:,})"
    yield machine.format_line(report["machine"])
    yield from verdict(report)


def verdict(report: dict[str, Any]) -> Iterator[str]:
    """Whether all was well, and the first things that were not."""
    audit = report["audit"]
    yield f"auditor: {audit['verdict'] if audit else 'not asked'}"
    if audit:
        yield from (f"  {finding}" for finding in audit["findings"][:FINDINGS_SHOWN_MAX])
    for name, what in (("errors", "errors"), ("wrong", "answers that were NOT as intended")):
        if report[name]["count"]:
            yield f"{what}: {report[name]['count']:,}"
            yield from (f"  {example}" for example in report[name]["examples"])
    if report["taps"]["undecided"]:
        yield f"taps that were NOT decided: {report['taps']['undecided']:,}"
    if report["passed"]:
        yield "every answer was as intended"
