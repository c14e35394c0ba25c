"""From the outbox to the engine and back: messages of stored taps, and results for them."""

from collections.abc import Sequence

from msgspec import UNSET

from fare_engine.network import DIRECTION_WORDS
from gates.client.messages import (
    Decision,
    Medium,
    Offline,
    Problem,
    ReportMessage,
    TapMessage,
)
from gates.outbox import StoredTap, WaitingReport
from gates.times import format_ms


def make_message(stored: StoredTap, code: str | None = None) -> TapMessage:
    """A tap as it is sent, with what the gate did once it has acted.

    By its token, or by `code`: a ride code that was refused here, and that the engine may know.
    """
    tap = stored.tap
    if code is not None:
        medium = Medium(tap.medium_type, code=code)
    else:
        code_id = UNSET if stored.code_id is None else stored.code_id
        medium = Medium(tap.medium_type, token=tap.token.hex(), code_id=code_id)
    report = tap.report
    return TapMessage(
        tap.tap_id,
        tap.gate_id,
        DIRECTION_WORDS[tap.direction],
        medium,
        format_ms(tap.occurred_at_ms),
        UNSET if report is None else Offline(_action(report.gate_opened), report.fare_taken),
    )


def make_report(report: WaitingReport) -> ReportMessage:
    """A report as it is sent."""
    cause = UNSET if report.cause is None else report.cause
    action = _action(report.gate_opened)
    return ReportMessage(action, report.fare_taken, report.passed, cause)


def read_results(
    taps: Sequence[StoredTap], results: Sequence[Decision | Problem]
) -> list[tuple[int, str | None]]:
    """The taps that are resolved, by place: done, or a final problem. The others stay waiting.

    A tap that was sent before its gate acted is resolved at its own lane: where that decides alone
    meanwhile, the tap is sent once more, with what the gate did.
    """
    resolved: list[tuple[int, str | None]] = []
    for stored, result in zip(taps, results, strict=True):
        if stored.tap.report is None:
            continue
        if isinstance(result, Decision):
            resolved.append((stored.place, None))
        elif result.is_final:
            resolved.append((stored.place, f"{result.code}: {result.detail}"))
    return resolved


def _action(opened: bool) -> str:
    return "open" if opened else "refuse"
