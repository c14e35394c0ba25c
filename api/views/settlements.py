"""Turns settlements and what they issued into answers."""

from typing import cast

from api.contract.settlements import (
    AdjustmentAnswer,
    AdjustmentKind,
    AdjustmentWhy,
    ReviewAnswer,
    SettlementAnswer,
    SettlementOutcome,
)
from api.contract.times import format_ms
from fare_engine.ledger.stores.adjustments import IssuedAdjustment, Review
from fare_engine.ledger.stores.settlements import Settlement, Totals
from fare_engine.settle import Issue, Outcome


def view_settlement(settlement: Settlement, totals: Totals, zone: str) -> SettlementAnswer:
    """One run with what it issued."""
    ended_at_ms = settlement.ended_at_ms
    return SettlementAnswer(
        settlement_id=settlement.settlement,
        service_date=settlement.service_date,
        begun_at=format_ms(settlement.begun_at_ms, zone),
        ended_at=None if ended_at_ms is None else format_ms(ended_at_ms, zone),
        actor=settlement.actor,
        tokens=settlement.tokens,
        **totals._asdict(),
    )


def view_adjustment(issued: IssuedAdjustment, zone: str) -> AdjustmentAnswer:
    """One adjustment as it is stored."""
    return AdjustmentAnswer(
        adjustment_id=issued.adjustment,
        settlement_id=issued.settlement,
        tap_id=issued.tap_id,
        entry_tap_id=issued.entry_tap_id,
        kind=cast("AdjustmentKind", issued.kind.code),
        fare=issued.fare,
        collected=issued.collected,
        due=issued.due,
        why=cast("AdjustmentWhy", issued.why.code),
        reason=issued.reason.code,
        issued_at=format_ms(issued.issued_at_ms, zone),
        state=issued.state.value,
        review=None if issued.review is None else _view_review(issued.review, zone),
    )


def view_outcome(outcome: Outcome, zone: str) -> SettlementOutcome:
    """What a run came to, stored or not."""
    return SettlementOutcome(
        settlement_id=outcome.settlement,
        service_date=outcome.service_date.isoformat(),
        dry_run=outcome.settlement is None,
        tokens=outcome.tokens,
        repaired=outcome.repaired,
        unsettled=outcome.unsettled,
        items=[_view_issue(outcome, issue, zone) for issue in outcome.issues],
        **outcome.totals._asdict(),
    )


def _view_review(review: Review, zone: str) -> ReviewAnswer:
    return ReviewAnswer(
        reason=review.reason,
        actor=review.actor,
        reviewed_at=format_ms(review.reviewed_at_ms, zone),
    )


def _view_issue(outcome: Outcome, issue: Issue, zone: str) -> AdjustmentAnswer:
    due = issue.adjustment.due
    return AdjustmentAnswer(
        adjustment_id=outcome.numbers.get((due.row, due.kind)),
        settlement_id=outcome.settlement,
        tap_id=issue.tap_id,
        entry_tap_id=issue.entry_tap_id,
        kind=cast("AdjustmentKind", due.kind.code),
        fare=issue.adjustment.fare,
        collected=due.collected,
        due=due.due,
        why=cast("AdjustmentWhy", due.why.code),
        reason=due.reason.code,
        issued_at=format_ms(outcome.begun_at_ms, zone),
        state=due.state.value,
        review=None,
    )
