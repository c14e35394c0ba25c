"""The report of a demo, in plain lines."""

from typing import Any

from simulator.sending import Tally

BUCKET_MINUTES = (1, 2, 3, 5, 10, 15)


def tell_demo(tally: Tally, taken_seconds: float) -> str:
    """What the morning came to."""
    lines = ["", f"{'outcome':<10} {'reason':<28} {'taps':>6}"]
    for (outcome, reason), count in sorted(tally.outcomes.items()):
        lines.append(f"{outcome:<10} {reason:<28} {count:>6}")
    lines += [f"{'':<10} {'all':<28} {tally.taps:>6}", ""]
    lines += _tell_crossings(tally)
    right = "every answer was as intended" if not tally.faults else f"{len(tally.faults)} WRONG"
    lines += [
        "",
        f"fares taken {tally.fare / 100:.2f} CNY, waived {tally.fare_waived / 100:.2f} CNY",
        f"{tally.repeated} taps sent again by gates that heard nothing: answered the same",
        f"{tally.taps} taps in {taken_seconds:.1f} s, one at a time and durable; answered in "
        f"{tally.latency_ms(0.5):.1f} ms (p50), {tally.latency_ms(0.99):.1f} ms (p99)",
        right,
    ]
    return "\n".join(lines)


def _tell_crossings(tally: Tally) -> list[str]:
    """Journeys that ended where they began, by the time they took."""
    lines = ["crossings by elapsed time"]
    highest = max(len(tally.elapsed_ms), 1)
    below = 0
    for minutes in (*BUCKET_MINUTES, None):
        bound_ms = float("inf") if minutes is None else minutes * 60_000
        count = sum(below < elapsed_ms <= bound_ms for elapsed_ms in tally.elapsed_ms)
        name = f"≤ {minutes} min" if minutes else f"> {BUCKET_MINUTES[-1]} min"
        lines.append(f"{name:>9} {count:>6} {'█' * round(40 * count / highest)}")
        below = BUCKET_MINUTES[-1] * 60_000 if minutes is None else minutes * 60_000
    return lines


def explain(explanation: dict[str, Any]) -> str:
    """Why a passenger was charged, as a clerk reads it."""
    entry = explanation["entry"]
    lines = [
        "",
        f"why was this passenger charged? GET /v1/taps/{explanation['tap_id']}",
        f"  {explanation['outcome']} / {explanation['reason']}: {explanation['fare']} fen, by "
        f"policy {explanation['policy_version']} and tariff {explanation['tariff_version']}",
        f"  entry {entry['gate_id']} at {entry['occurred_at']}",
        f"  exit  {explanation['gate_id']} at {explanation['occurred_at']}",
    ]
    for condition in explanation["conditions"]:
        values = ", ".join(f"{name} {value}" for name, value in condition["values"].items())
        lines.append(f"  {condition['held']:<14} {condition['condition']:<18} {values}")
    return "\n".join(lines)
