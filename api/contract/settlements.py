"""The contract of settlement: a run, and what it issued."""

import re
from datetime import date, timedelta
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema

from api.contract.operators import Why
from api.contract.taps import Answer, Request, Time

_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

AdjustmentKind = Literal["fare", "missing_exit"]
AdjustmentState = Literal["issued", "held", "released", "refused"]
AdjustmentWhy = Literal[
    "arrived_late",
    "repaired",
    "not_passed",
    "taken_otherwise",
    "decided_again",
    "clock_corrected",
    "exit_missing",
    "exit_found",
]


def _service_date(value: object) -> date:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise ValueError("must be a date such as 2021-11-24")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is no date of the calendar") from None
    # Its beginning and its end are instants of the contract too.
    if not date(1970, 1, 2) <= day < date.max - timedelta(days=2):
        raise ValueError("must lie between 1970-01-02 and 9999-12-28")
    return day


ServiceDate = Annotated[
    date,
    BeforeValidator(_service_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2021-11-24"]}),
]


class SettlementRequest(Request):
    """A service date to settle, or to try it on."""

    service_date: ServiceDate
    dry_run: StrictBool = Field(False, description="tell what would be issued, and store nothing")


class ReviewRequest(Request):
    """Why an adjustment that is held is released, or refused."""

    reason: Why


class ReviewAnswer(Answer):
    """Who released or refused it, when and why."""

    reason: str
    actor: str
    reviewed_at: Time


class AdjustmentAnswer(Answer):
    """A difference of money beside a decision, which stays as it is. No token, no card."""

    adjustment_id: int | None = Field(description="null in a dry run")
    settlement_id: int | None = Field(description="null in a dry run")
    tap_id: str
    entry_tap_id: str | None = Field(description="the journey that the tap found")
    kind: AdjustmentKind
    fare: int = Field(description="fen owed by the passenger; negative: back to her")
    collected: int = Field(description="what the gate took, in fen")
    due: int = Field(description="what it costs by the rule, in fen")
    why: AdjustmentWhy
    reason: str = Field(description="what the tap was decided again to be")
    issued_at: Time
    state: AdjustmentState = Field(
        description="held: the gate says it took what no fare can be, and a person has to decide"
    )
    review: ReviewAnswer | None = Field(description="what a person said of one that was held")


class TotalsAnswer(Answer):
    """What a run issued. A journey that nobody ended is no adjustment: its fare is due as it is."""

    adjustments: int
    adjusted_fare: int = Field(description="the sum of them, in fen")
    missing_exits: int
    missing_exit_fares: int = Field(description="the sum of them, in fen")
    held: int = Field(description="adjustments that wait for a person; not among those above")
    held_fare: int = Field(description="the sum of them, in fen")
    released: int = Field(description="of those that were held; not among those above")
    released_fare: int = Field(description="the sum of them, in fen")
    refused: int = Field(description="of those that were held; they count nowhere")
    refused_fare: int = Field(description="the sum of them, in fen")


class SettlementAnswer(TotalsAnswer):
    settlement_id: int
    service_date: str
    begun_at: Time
    ended_at: Time | None = Field(description="null: it runs, or was broken off")
    actor: str
    tokens: int | None = Field(description="how many were looked at")


class SettlementOutcome(TotalsAnswer):
    """What a run came to, with the first of what it issued."""

    settlement_id: int | None = Field(description="null in a dry run")
    service_date: str
    dry_run: bool
    tokens: int = Field(description="how many were looked at")
    repaired: int = Field(description="taps that left the quarantine")
    unsettled: int = Field(
        description="media left out, since the ledger is damaged where their taps stand"
    )
    items: list[AdjustmentAnswer] = Field(description="the first 1,000; the list has all of them")
