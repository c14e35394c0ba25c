"""Codes of decisions are the contract's, and every reason belongs to one outcome."""

import pytest

from fare_engine.decision import REFUSALS, Outcome, Reason

CONTRACT = {
    "entered": "entry_opened entry_repeated entry_superseded",
    "waived": "same_station_within_window emergency",
    "charged": "different_station overstay station_not_in_pilot medium_not_eligible"
    " gate_not_designated window_exceeded daily_limit_reached",
    "unmatched": "exit_repeated no_open_entry entry_expired",
    "late": "arrived_out_of_order",
    "refused": "ride_code_invalid ride_code_expired ride_code_replayed medium_blocked",
    "recorded": "recorded",
}


@pytest.mark.parametrize("outcome", CONTRACT)
def test_the_reasons_of_an_outcome_are_those_of_the_contract(outcome: str) -> None:
    reasons = {reason.code for reason in Reason if reason.outcome.code == outcome}
    assert reasons == set(CONTRACT[outcome].split())


def test_there_is_no_outcome_beside_those_of_the_contract() -> None:
    assert {outcome.code for outcome in Outcome} == set(CONTRACT)


def test_the_refusals_are_the_reasons_of_refused_taps() -> None:
    assert {reason for reason in Reason if reason.outcome is Outcome.REFUSED} == REFUSALS
