"""The report of a demo in plain lines."""

from collections.abc import Iterator
from typing import Any, Final

BAR_MAX: Final = 40
UNEXPECTED_TOLD_MAX: Final = 20


def tell_report(report: dict[str, Any]) -> str:
    """What the morning came to."""
    lines = ["", f"{'outcome':<10} {'reason':<28} {'taps':>6}"]
    lines += [
        f"{row['outcome']:<10} {row['reason']:<28} {row['taps']:>6,}" for row in report["outcomes"]
    ]
    lines += [f"{'':<10} {'all':<28} {report['taps']:>6,}", ""]
    lines += ["same-station journeys by elapsed time", *_tell_crossings(report["crossings"]), ""]
    lines += [
        f"fares taken {_tell_money(report['fare'])}, waived {_tell_money(report['fare_waived'])}",
        f"{report['sent_again']} taps sent again by gates that timed out: answered the same",
        f"{report['reports']} passages that did not happen, reported by their gates",
        f"{report['taps']:,} taps in {report['seconds']:.1f} s over {report['connections']} "
        "connections, each a request of its own and durable;",
        f"as the gates saw it, answered in {report['latency_ms_p50']:.1f} ms (p50), "
        f"{report['latency_ms_p99']:.1f} ms (p99)",
    ]
    if report["decided_before"]:
        lines.append(
            f"{report['decided_before']:,} taps had been decided by a demo before this one"
        )
    if report["explanation"]:
        lines += ["", *_explain(report["explanation"])]
    lines += ["", *_tell_verdict(report["unexpected"])]
    return "\n".join(lines)


def _tell_money(fen: int) -> str:
    return f"{fen / 100:,.2f} CNY"


def _tell_crossings(crossings: list[dict[str, int | None]]) -> Iterator[str]:
    counts = [stretch["crossings"] or 0 for stretch in crossings]
    highest = max(*counts, 1)
    below = 0
    for stretch, count in zip(crossings, counts, strict=True):
        bound = stretch["up_to_minutes"]
        name = f"≤ {bound} min" if bound else f"> {below} min"
        yield f"{name:>9} {count:>6,} {'█' * -(-BAR_MAX * count // highest)}".rstrip()
        below = bound or below


def _explain(tap: dict[str, Any]) -> Iterator[str]:
    """Why a passenger was charged, as a clerk reads it."""
    entry = tap["entry"]
    yield f"why was this passenger charged? GET /v1/taps/{tap['tap_id']}"
    yield (
        f"  {tap['outcome']} / {tap['reason']}: {tap['fare'] / 100:.2f} {tap['currency']}, by "
        f"policy {tap['policy_version']} and tariff {tap['tariff_version']}"
    )
    yield f"  entry {entry['gate_id']} at {entry['occurred_at']}"
    yield f"  exit  {tap['gate_id']} at {tap['occurred_at']}"
    for condition in tap["conditions"]:
        values = ", ".join(
            f"{name} {_tell_value(value)}" for name, value in condition["values"].items()
        )
        yield f"  {condition['held']:<14} {condition['condition']:<18} {values}"


def _tell_value(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _tell_verdict(unexpected: list[str]) -> Iterator[str]:
    if not unexpected:
        yield "every answer was as intended"
        return
    yield f"answers that were NOT as intended: {len(unexpected):,}"
    yield from (f"  {told}" for told in unexpected[:UNEXPECTED_TOLD_MAX])
    if len(unexpected) > UNEXPECTED_TOLD_MAX:
        yield f"  and {len(unexpected) - UNEXPECTED_TOLD_MAX:,} more"
