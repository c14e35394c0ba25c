"""Requests in flight together may have been decided in any order, others only in theirs."""

import json
from typing import Any

import pytest

from api.contract.times import format_ms
from fare_engine.catalogue import Catalogue
from simulator.auditor.auditor import Auditor
from simulator.auditor.branch import Branch, Result, Shared
from simulator.auditor.fares import Tracks
from simulator.auditor.history import STEPS_AFTER_MAX, STEPS_MAX, Epochs, History
from simulator.auditor.log import LogInvalid, audit_log
from simulator.auditor.published import Published
from simulator.auditor.requests import Ask, Content, Report
from simulator.auditor.rule import CodeUse
from simulator.auditor.verdict import Verdict
from simulator.publications import describe_catalogue, describe_network
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF

NOTHING_OPEN = "unmatched", "no_open_entry"
WAIVED = "waived", "same_station_within_window"
CATALOGUE = Catalogue(NETWORK, policies={"FHY": (PILOT,)}, tariffs=(TARIFF,))


def moment(minutes: float) -> str:
    return format_ms(round(NOON_MS + minutes * MINUTE_MS), "Asia/Shanghai")


def entry(minutes: float, tap_id: str = "in") -> dict[str, Any]:
    return {
        "tap_id": tap_id,
        "gate_id": "FHY-A-01",
        "direction": "entry",
        "medium": {"type": "qr", "id": "anna"},
        "occurred_at": moment(minutes),
    }


def leaving(minutes: float, tap_id: str = "out") -> dict[str, Any]:
    return entry(minutes, tap_id) | {"gate_id": "FHY-C-02", "direction": "exit"}


def answer(
    tap: dict[str, Any],
    decision: tuple[str, str],
    found: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """An answer as an engine writes it."""
    outcome, reason = decision
    journey = None
    if outcome == "entered":
        found = tap
    if found is not None:
        journey = {
            "entry_tap_id": found["tap_id"],
            "entry_station": "FHY",
            "entered_at": found["occurred_at"],
            "exit_station": None if outcome == "entered" else "FHY",
            "exited_at": None if outcome == "entered" else tap["occurred_at"],
            "elapsed_ms": None if outcome == "entered" else more.pop("elapsed_ms"),
        }
    document = {
        "tap_id": tap["tap_id"],
        "outcome": outcome,
        "reason": reason,
        "gate_action": "refuse" if decision == NOTHING_OPEN else "open",
        "fare": 0,
        "fare_waived": 200 if outcome == "waived" else 0,
        "currency": "CNY",
        "journey": journey,
        "policy_version": 1 if journey else None,
        "tariff_version": 1,
        "decided_at": moment(60),
    } | more
    return json.dumps(document, separators=(",", ":"))


def opened(tap: dict[str, Any], reason: str = "entry_opened") -> str:
    return answer(tap, ("entered", reason))


def waived(tap: dict[str, Any], found: dict[str, Any], minutes: float) -> str:
    return answer(tap, WAIVED, found, elapsed_ms=round(minutes * MINUTE_MS))


def make_auditor(steps_max: int = STEPS_MAX) -> Auditor:
    return Auditor(describe_network(NETWORK), describe_catalogue(CATALOGUE), steps_max=steps_max)


@pytest.fixture
def auditor() -> Auditor:
    return make_auditor()


def replies(auditor: Auditor, request: str, text: str) -> None:
    auditor.answered(request, 200, text, NOON_MS + 60 * MINUTE_MS, replayed=False)


def sends(auditor: Auditor, request: str, tap: dict[str, Any]) -> None:
    auditor.tap_sent(request, tap, NOON_MS + 60 * MINUTE_MS)


@pytest.mark.parametrize("exit_first", [True, False], ids=["exit first", "entry first"])
@pytest.mark.parametrize("answered_first", ["in", "out"])
def test_two_taps_in_flight_together_may_be_decided_in_either_order(
    auditor: Auditor, exit_first: bool, answered_first: str
) -> None:
    enter, leave = entry(0), leaving(0.4)
    sends(auditor, "in", enter)
    sends(auditor, "out", leave)
    texts = {
        "in": opened(enter),
        "out": answer(leave, NOTHING_OPEN) if exit_first else waived(leave, enter, 0.4),
    }
    for request in sorted(texts, key=lambda name: name != answered_first):
        replies(auditor, request, texts[request])
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings
    assert verdict.checked["decisions checked"] == 2


def test_what_was_answered_before_another_was_sent_was_decided_before_it(auditor: Auditor) -> None:
    enter, leave = entry(0), leaving(0.4)
    sends(auditor, "in", enter)
    replies(auditor, "in", opened(enter))
    sends(auditor, "out", leave)
    replies(auditor, "out", answer(leave, NOTHING_OPEN))
    assert auditor.finish().found == {"wrong-outcome": 1}


def test_a_tap_sent_again_holds_up_nothing_that_stands_behind_it_in_its_batch(
    auditor: Auditor,
) -> None:
    enter, later, leave = entry(0), entry(5, "in-2"), leaving(6)
    sends(auditor, "in", enter)
    replies(auditor, "in", opened(enter))
    auditor.batch_sent("lost", [enter, later], NOON_MS + 60 * MINUTE_MS)
    auditor.unanswered("lost")
    sends(auditor, "out", leave)
    replies(auditor, "out", waived(leave, later, 1))
    assert auditor.finish().found == {}


def test_one_order_must_explain_all_answers(auditor: Auditor) -> None:
    """Two exits in flight with one entry: each alone may be waived, both may not."""
    enter, first, second = entry(0), leaving(1, "out-1"), leaving(1.1, "out-2")
    sends(auditor, "in", enter)
    replies(auditor, "in", opened(enter))
    sends(auditor, "out-1", first)
    sends(auditor, "out-2", second)
    replies(auditor, "out-2", waived(second, enter, 1.1))
    replies(auditor, "out-1", waived(first, enter, 1))
    found = auditor.finish().found
    assert found == {"wrong-outcome": 1, "entry-consumed-twice": 1}


def test_a_request_without_an_answer_may_have_been_decided_or_not(auditor: Auditor) -> None:
    enter, leave, again = entry(0), leaving(1), leaving(1.2, "again")
    sends(auditor, "in", enter)
    auditor.unanswered("in")
    sends(auditor, "out", leave)
    replies(auditor, "out", answer(leave, NOTHING_OPEN))
    sends(auditor, "again", again)  # by now it has arrived
    replies(auditor, "again", waived(again, enter, 1.2))
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings
    assert verdict.later["sent, and never acknowledged"].tap_ids == ["in"]


def test_a_503_leaves_open_whether_the_tap_was_decided(auditor: Auditor) -> None:
    enter, leave = entry(0), leaving(1)
    sends(auditor, "in", enter)
    auditor.answered("in", 503, "", NOON_MS)
    sends(auditor, "out", leave)
    replies(auditor, "out", waived(leave, enter, 1))
    sends(auditor, "in again", enter)
    auditor.answered("in again", 200, opened(enter), NOON_MS, replayed=True)
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings
    assert verdict.later.keys() == set()


@pytest.mark.parametrize("in_order", [True, False])
def test_taps_of_a_batch_are_decided_in_their_order(auditor: Auditor, in_order: bool) -> None:
    enter, leave = entry(0), leaving(1)
    auditor.batch_sent("both", [enter, leave], NOON_MS + 60 * MINUTE_MS)
    refused = waived(leave, enter, 1) if in_order else answer(leave, NOTHING_OPEN)
    body = f'{{"results":[{opened(enter)},{refused}]}}'
    auditor.answered("both", 200, body, NOON_MS + 60 * MINUTE_MS)
    found = auditor.finish().found
    assert found == ({} if in_order else {"wrong-outcome": 1})


def test_a_tap_in_flight_with_a_change_may_have_read_either_and_a_later_one_only_the_new(
    auditor: Auditor,
) -> None:
    old, new, later = entry(10, "old"), entry(12, "new"), entry(13, "later")
    policy = describe_catalogue(CATALOGUE)["policies"][0]
    policies = [policy, policy | {"version": 2, "effective_from": moment(5)}]
    sends(auditor, "old", old)
    auditor.changing()
    sends(auditor, "new", new)
    replies(auditor, "old", opened(old))
    replies(auditor, "new", answer(new, ("entered", "entry_repeated"), policy_version=2))
    auditor.changed(describe_catalogue(CATALOGUE) | {"policies": policies})
    sends(auditor, "later", later)
    replies(auditor, "later", opened(later, "entry_repeated"))
    verdict = auditor.finish()
    assert verdict.found == {"wrong-version": 1}
    assert verdict.findings[0].tap_ids == ("later",)


def test_the_auditor_says_when_it_gave_up() -> None:
    auditor = make_auditor(steps_max=20)
    for minute in range(5):
        sends(auditor, f"lost {minute}", entry(minute, f"in-{minute}"))
        auditor.unanswered(f"lost {minute}")
    last = entry(5, "last")
    sends(auditor, "last", last)
    replies(auditor, "last", opened(last))
    assert auditor.finish().found["gave-up"] == 1


def test_a_lost_tap_that_was_sent_often_was_decided_once() -> None:
    auditor = make_auditor(steps_max=60)
    lost = [entry(minute, f"in-{minute}") for minute in range(3)]
    for copy in range(20):
        for tap in lost:
            sends(auditor, f"{tap['tap_id']} {copy}", tap)
            auditor.unanswered(f"{tap['tap_id']} {copy}")
    last = entry(5, "last")
    sends(auditor, "last", last)
    replies(auditor, "last", opened(last, "entry_superseded"))
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings


def test_the_first_of_lost_copies_counts_as_when_it_was_sent(auditor: Auditor) -> None:
    """A copy sent after a change can only have read the new; the one sent before it, either."""
    lost, leave = entry(0, "lost"), leaving(0.4)
    sends(auditor, "before", lost)
    auditor.unanswered("before")
    policy = describe_catalogue(CATALOGUE)["policies"][0]
    policies = [policy, policy | {"version": 2, "effective_from": moment(-1)}]
    auditor.changing()
    auditor.changed(describe_catalogue(CATALOGUE) | {"policies": policies})
    sends(auditor, "after", lost)
    auditor.unanswered("after")
    sends(auditor, "out", leave)
    replies(auditor, "out", waived(leave, lost, 0.4))  # by version 1
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings


def test_a_history_that_gave_up_goes_on_at_little_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    auditor, steps = make_auditor(steps_max=1_000), 0
    decide = Branch.decide

    def count(branch: Branch, *asked: Any, **more: Any) -> Result:
        nonlocal steps
        steps += 1
        return decide(branch, *asked, **more)

    monkeypatch.setattr(Branch, "decide", count)
    for minute in range(6):
        sends(auditor, f"lost {minute}", entry(minute, f"in-{minute}"))
        auditor.unanswered(f"lost {minute}")
    for minute in range(6, 12):
        tap = entry(minute, f"answered-{minute}")
        sends(auditor, tap["tap_id"], tap)
        replies(auditor, tap["tap_id"], opened(tap, "entry_superseded"))
    assert auditor.finish().found["gave-up"] == 1
    assert steps <= 1_000 + 5 * STEPS_AFTER_MAX


def test_a_kept_log_is_audited_as_the_run_was() -> None:
    enter, leave = entry(0), leaving(1)
    events: list[dict[str, Any]] = [
        {
            "event": "begins",
            "network": describe_network(NETWORK),
            "published": describe_catalogue(CATALOGUE),
        }
    ]
    for request, tap, text in (("in", enter, opened(enter)), ("out", leave, opened(enter))):
        events += [
            {"event": "tap_sent", "request": request, "tap": tap, "at_ms": NOON_MS},
            {
                "event": "answered",
                "request": request,
                "status": 200,
                "body": text,
                "at_ms": NOON_MS,
            },
        ]
    verdict: Verdict = audit_log(map(json.dumps, events))
    assert verdict.found == {"wrong-outcome": 1}
    assert verdict.checked["answers"] == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "empty"),
        (["{"], "line 1"),
        (['{"event": "unanswered", "request": "r1"}'], "must be 'begins'"),
    ],
)
def test_a_log_that_cannot_be_read_names_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(LogInvalid, match=message):
        audit_log(lines)


def test_orders_that_differ_only_in_the_ride_codes_used_are_two() -> None:
    """A code that a lost request showed may be used though its tap was sent again without it."""
    used, unused = Branch(), Branch()
    used.code_uses["61a0.app.00"] = CodeUse("FHY", "entry", NOON_MS)
    assert used.identity() != unused.identity()


def test_orders_that_differ_only_in_when_a_gate_was_to_stay_shut_are_two() -> None:
    """Such a tap may find its journey open when settlement decides it again at its place."""
    published = Published(
        describe_catalogue(CATALOGUE), Tracks(describe_network(NETWORK)["segments"])
    )
    shut = Report("refuse", 0)
    entered = Ask("in", Content("FHY-A-01", "entry", "tianfutong", "anna", NOON_MS), shut)
    left = Ask("out", Content("FHY-C-02", "exit", "tianfutong", "anna", NOON_MS), None)
    one_way, other_way, shared = Branch(), Branch(), Shared()
    for branch, asks in ((one_way, (entered, left)), (other_way, (left, entered))):
        for ask in asks:
            branch.decide(ask, published, None, shared)
    assert one_way.facts == other_way.facts == []
    assert one_way.known == other_way.known
    assert one_way.identity() != other_way.identity()


def test_taps_alike_in_all_but_their_tap_id_are_two(auditor: Auditor) -> None:
    """A lost batch counts whole, though two of its late taps differ in their tap_ids alone."""
    enter, again = entry(5), entry(10, "in-2")
    late = [leaving(4, "late-1"), leaving(4, "late-2")]
    sends(auditor, "in", enter)
    replies(auditor, "in", opened(enter))
    auditor.batch_sent("lost", [*late, leaving(5)], NOON_MS + 60 * MINUTE_MS)
    auditor.unanswered("lost")
    sends(auditor, "in-2", again)
    replies(auditor, "in-2", opened(again))
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings


def test_an_error_may_have_been_on_its_way_when_the_tap_was_recorded(auditor: Auditor) -> None:
    """Sent again with its report the tap is quarantined while the first answer is to come."""
    ahead = entry(70)
    reported = ahead | {"offline": {"gate_action_taken": "open", "fare_taken": 0}}
    sends(auditor, "live", ahead)
    sends(auditor, "reported", reported)
    recorded = answer(ahead, ("recorded", "clock-ahead"), tariff_version=None)
    replies(auditor, "reported", recorded)
    problem = {"type": "/problems/clock-ahead", "status": 422, "detail": "too far ahead"}
    auditor.answered("live", 422, json.dumps(problem), NOON_MS + 60 * MINUTE_MS)
    verdict = auditor.finish()
    assert verdict.is_clean, verdict.findings


def test_an_error_that_nobody_got_leaves_its_tap_to_be_decided() -> None:
    token = History(Epochs())
    ask = Ask("in", Content("FHY-A-01", "entry", "tianfutong", "anna", NOON_MS), None)
    token.send(ask)
    answered = Ask("out", Content("FHY-C-02", "exit", "tianfutong", "anna", NOON_MS), None)
    answered.sent_place = 5
    token.send(answered)
    (branch,) = token.branches
    branch.waiting.remove(ask)
    branch.results[ask] = Result("problem", problem="clock-ahead")
    token.lose(ask)
    assert branch.waiting == [ask, answered]
    assert branch.results == {}
