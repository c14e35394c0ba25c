"""The auditor finds each planted error, and nothing else."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.contract.times import format_ms
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, PILOT
from tests.simulator.auditor.observed import Alter, ObservedMetro

ENTRY, EXIT, SECOND_EXIT = "FHY-A-01.01", "FHY-C-02.01", "FHY-C-02.02"
BEGINS_MS = NOON_MS + 10 * MINUTE_MS


@pytest.fixture
def metro(tmp_path: Path) -> Iterator[ObservedMetro]:
    observed = ObservedMetro(tmp_path)
    yield observed
    observed.close()


def tap(tap_id: str, minutes: float, medium_id: str = "anna") -> dict[str, Any]:
    gate_id = tap_id.partition(".")[0]
    return {
        "tap_id": tap_id,
        "gate_id": gate_id,
        "direction": "entry" if gate_id in ("FHY-A-01", "CXL-A-01") else "exit",
        "medium": {"type": "qr", "id": medium_id},
        "occurred_at": format_ms(round(NOON_MS + minutes * MINUTE_MS), "Asia/Shanghai"),
    }


def a_crossing_and_more(
    metro: ObservedMetro, answered: Alter | None = None, stored: Alter | None = None
) -> dict[str, int]:
    """A free crossing, a second one too long, a repeated tap; what the auditor found, by check."""
    metro.now_ms = NOON_MS + 60 * MINUTE_MS
    metro.ask(tap(ENTRY, 0), answered)
    metro.ask(tap(EXIT, 5), answered)
    metro.ask(tap(SECOND_EXIT, 8), answered)
    metro.publish(
        replace(
            metro.metro.catalogue,
            policies={"FHY": (PILOT, replace(PILOT, version=2, effective_from_ms=BEGINS_MS))},
        )
    )
    metro.ask(tap("FHY-A-01.02", 11), answered)
    metro.ask(tap("FHY-C-02.03", 31), answered)
    metro.ask(tap(EXIT, 5))
    metro.read_back(stored)
    return dict(metro.auditor.finish().found)


def alters(tap_id: str, **fields: Any) -> Alter:
    def alter(answered: str, document: dict[str, Any]) -> dict[str, Any]:
        return document | fields if answered == tap_id else document

    return alter


def test_an_honest_engine_is_found_clean(metro: ObservedMetro) -> None:
    assert a_crossing_and_more(metro) == {}
    checked = metro.auditor.verdict.checked
    assert checked["decisions checked"] == 5
    assert checked["taps waived"] == 1
    assert checked["taps charged"] == 1
    assert checked["entries consumed"] == 2
    assert checked["taps read back"] == 5
    assert checked["fen fare"] == checked["fen fare by the rule"] == checked["fen fare stored"]
    assert checked["fen fare"] == 200


JOURNEY = {
    "entry_tap_id": ENTRY,
    "entry_station": "FHY",
    "entered_at": "2021-11-24T12:00:00.000+08:00",
    "exit_station": "FHY",
    "exited_at": "2021-11-24T12:08:00.000+08:00",
    "elapsed_ms": 480_000,
}
OTHER_EXIT = {"outcome": "charged", "reason": "window_exceeded"}
ALTERED: dict[str, tuple[str, dict[str, Any], dict[str, int]]] = {
    "a fen too much": ("FHY-C-02.03", {"fare": 201}, {"wrong-fare": 1, "money-not-conserved": 1}),
    "money as a float": (
        "FHY-C-02.03",
        {"fare": 200.0},
        {"wrong-fare": 1, "money-not-conserved": 1},
    ),
    "a discount on a waiver": (EXIT, {"fare_waived": 180}, {"wrong-waived-fare": 1}),
    "charged and not waived": (EXIT, OTHER_EXIT, {"wrong-outcome": 1}),
    "an entry superseded instead of opened": (
        "FHY-A-01.02",
        {"reason": "entry_superseded"},
        {"wrong-outcome": 1},
    ),
    "the policy of the exit": ("FHY-C-02.03", {"policy_version": 1}, {"wrong-version": 1}),
    "an older policy at the entry": ("FHY-A-01.02", {"policy_version": 1}, {"wrong-version": 1}),
    "another tariff": (SECOND_EXIT, {"tariff_version": 2}, {"wrong-version": 1}),
    "a gate that opens": (SECOND_EXIT, {"gate_action": "open"}, {"wrong-gate-action": 1}),
    "no journey": (EXIT, {"journey": None}, {"wrong-journey": 1}),
    "another entry": (
        EXIT,
        {"journey": JOURNEY | {"entry_tap_id": "FHY-A-01.99"}},
        {"wrong-journey": 1},
    ),
    "an entry consumed twice": (
        SECOND_EXIT,
        {
            "outcome": "waived",
            "reason": "same_station_within_window",
            "gate_action": "open",
            "fare_waived": 200,
            "journey": JOURNEY,
            "policy_version": 1,
        },
        {"wrong-outcome": 1, "entry-consumed-twice": 1},
    ),
    "no reason": (EXIT, {"reason": None}, {"unreadable-answer": 1}),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_answer_is_found(metro: ObservedMetro, name: str) -> None:
    """Answered and stored alike: only the rule shows it. The repeated answer is the true one."""
    tap_id, fields, expected = ALTERED[name]
    alter = alters(tap_id, **fields)
    found = a_crossing_and_more(metro, alter, alter)
    if tap_id == EXIT:
        expected = expected | {"decision-changed": 1}
    assert found == expected


STORED: dict[str, tuple[Alter, dict[str, int]]] = {
    "another fare": (
        alters("FHY-C-02.03", fare=0),
        {"stored-otherwise": 1, "money-not-conserved": 1},
    ),
    "another decision": (
        alters(EXIT, decided_at="2021-11-24T12:00:00.000+08:00"),
        {"stored-otherwise": 1},
    ),
    "another instant": (
        alters(EXIT, occurred_at="2021-11-24T12:05:00.001+08:00"),
        {"stored-otherwise": 1},
    ),
    "another gate": (alters(EXIT, gate_id="FHY-B-03"), {"stored-otherwise": 1}),
    "a condition left out": (alters(EXIT, conditions=[]), {"explained-otherwise": 1}),
    "a missing exit that was none": (
        alters("FHY-A-01.02", incomplete_fare=200),
        {"explained-otherwise": 1},
    ),
    "a report that nobody made": (
        alters(
            EXIT,
            report={
                "gate_action_taken": "refuse",
                "fare_taken": 0,
                "passed": None,
                "returned_to_before": False,
            },
        ),
        {"report-stored-otherwise": 1},
    ),
    "a conflict that was none": (alters(EXIT, conflicts=1), {"conflict-without-cause": 1}),
}


@pytest.mark.parametrize("name", STORED)
def test_what_is_stored_otherwise_than_answered_is_found(metro: ObservedMetro, name: str) -> None:
    alter, expected = STORED[name]
    assert a_crossing_and_more(metro, None, alter) == expected


def test_an_acknowledged_tap_that_is_lost_is_found(metro: ObservedMetro) -> None:
    def lose(tap_id: str, document: dict[str, Any]) -> dict[str, Any] | None:
        return None if tap_id == EXIT else document

    assert a_crossing_and_more(metro, None, lose) == {"tap-lost": 1}


def test_a_repeated_answer_that_changed_is_found(metro: ObservedMetro) -> None:
    metro.ask(tap(ENTRY, 0))
    metro.ask(tap(ENTRY, 0), alters(ENTRY, decided_at="2021-11-24T12:00:00.001+08:00"))
    assert metro.auditor.finish().found == {"decision-changed": 1}


def test_a_tap_that_is_new_twice_is_found(metro: ObservedMetro) -> None:
    answer = metro.ask(tap(ENTRY, 0))
    request = metro.send(tap(ENTRY, 0))
    metro.auditor.answered(request.name, 200, answer.text, NOON_MS, replayed=False)
    assert metro.auditor.finish().found == {"decided-twice": 1}


def test_a_conflict_that_is_missed_is_found(metro: ObservedMetro) -> None:
    answer = metro.ask(tap(ENTRY, 0))
    request = metro.send(tap(ENTRY, 1))
    metro.auditor.answered(request.name, 200, answer.text, NOON_MS, replayed=True)
    assert metro.auditor.finish().found == {"conflict-missed": 1}


def test_a_conflict_without_cause_is_found(metro: ObservedMetro) -> None:
    metro.ask(tap(ENTRY, 0))
    request = metro.send(tap(ENTRY, 0))
    body = '{"type": "/problems/tap-conflict", "status": 409}'
    metro.auditor.answered(request.name, 409, body, NOON_MS)
    assert metro.auditor.finish().found == {"conflict-without-cause": 1}


def test_a_tap_refused_without_reason_is_found(metro: ObservedMetro) -> None:
    request = metro.send(tap(ENTRY, 0))
    body = '{"type": "/problems/unknown-gate", "status": 404}'
    metro.auditor.answered(request.name, 404, body, NOON_MS)
    assert metro.auditor.finish().found == {"wrong-answer": 1}


def test_a_policy_that_is_read_before_it_is_published_is_found(metro: ObservedMetro) -> None:
    metro.ask(tap(ENTRY, 0), alters(ENTRY, policy_version=2))
    assert metro.auditor.finish().found == {"wrong-version": 1}


def test_a_suspension_that_a_tap_did_not_read_is_found(metro: ObservedMetro) -> None:
    metro.auditor.changing()
    document = metro.describe_published() | {
        "suspensions": [
            {
                "station_id": "FHY",
                "suspended_at": format_ms(NOON_MS, "Asia/Shanghai"),
                "resumed_at": None,
            }
        ]
    }
    metro.auditor.changed(document)
    metro.ask(tap(ENTRY, 0))
    metro.ask(tap(EXIT, 5))
    assert metro.auditor.finish().found == {"wrong-outcome": 1, "money-not-conserved": 1}


def test_a_mode_and_a_block_that_taps_did_not_meet_are_found(metro: ObservedMetro) -> None:
    metro.auditor.changing()
    now = format_ms(NOON_MS, "Asia/Shanghai")
    mode = {"station_id": "FHY", "mode": "emergency", "effective_from": now, "effective_to": None}
    document = metro.describe_published() | {
        "degraded_modes": [mode],
        "blocked": [{"medium": "qr:bert", "blocked_at": now}],
    }
    metro.auditor.changed(document)
    metro.ask(tap(EXIT, 5))
    metro.ask(tap("FHY-A-01.02", 4, "bert"))
    verdict = metro.auditor.finish()
    assert verdict.found == {"wrong-gate-action": 1, "wrong-outcome": 1}


def test_a_code_that_let_two_tokens_through_is_found_and_a_refused_copy_is_not(
    metro: ObservedMetro,
) -> None:
    first, copied, another = (
        tap(f"FHY-A-01.0{number}", number, medium_id)
        for number, medium_id in enumerate(["anna", "bert", "cleo"])
    )
    for body in (first, copied, another):
        body["medium"]["code_id"] = "619db8c0.metro.3132333435363738"
    opened = json.loads(metro.ask(first).text)
    assert json.loads(metro.ask(copied).text)["reason"] == "ride_code_replayed"
    journey = opened["journey"] | {
        "entry_tap_id": another["tap_id"],
        "entered_at": another["occurred_at"],
    }
    del opened["tap_id"]
    metro.ask(another, alters(another["tap_id"], **opened | {"journey": journey}))
    verdict = metro.auditor.finish()
    assert verdict.found == {"code-used-twice": 1}
    assert verdict.findings[0].tap_ids == (first["tap_id"], another["tap_id"])


def test_an_outbox_that_is_not_empty_is_found(metro: ObservedMetro) -> None:
    metro.auditor.outbox("FHY-1", [])
    metro.auditor.outbox("FHY-2", [ENTRY])
    verdict = metro.auditor.finish()
    assert verdict.found == {"outbox-not-empty": 1}
    assert verdict.findings[0].tap_ids == (ENTRY,)


def test_a_lost_tap_that_other_answers_need_is_found(metro: ObservedMetro) -> None:
    lost = metro.send(tap(ENTRY, 0))
    metro.arrive(lost)
    metro.turn()
    metro.lose(lost)
    metro.ask(tap(EXIT, 5))
    metro.auditor.read_back(ENTRY, 404, None, NOON_MS)
    assert metro.auditor.finish().found == {"never-stored": 1}
