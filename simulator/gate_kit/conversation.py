"""What a controller says in its life, step by step, and what must be answered.

It makes taps of media that no passenger has, a few minutes before the engine's time. It leaves
them in the ledger: run it against a test installation.
"""

from datetime import UTC, datetime
from typing import Any, Final

from gates.errors import ParametersInvalid
from gates.media.issuing import RideCodeIssuer
from gates.parameters import check_version
from simulator.gate_kit.place import NoPlace, Place, find_place
from simulator.gate_kit.talk import Answer, Talk, expect_decision, expect_problem, find_fault

TAPS: Final = "/v1/taps"
BATCH: Final = "/v1/taps/batch"
TOO_LARGE_BYTES: Final = 2**20 + 1
CROSSINGS: Final = (
    *("same_station_within_window", "station_not_in_pilot", "medium_not_eligible"),
    *("gate_not_designated", "window_exceeded", "daily_limit_reached"),
)


def play(
    talk: Talk, controller_id: str | None = None, issuer: RideCodeIssuer | None = None
) -> Place:
    """The whole conversation; where it took place. NoPlace when it cannot begin.

    `issuer` issues ride codes under a key that is registered at the server, for tests.
    """
    talk.step("ready", "GET", "/readyz", check=_expect_status(200), key="")
    try:
        place = find_place(talk, controller_id)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoPlace("gates, parameters or heartbeat are not as the contract says") from error
    _play_parameters(talk, place)
    _play_crossing(talk, place)
    _play_errors(talk, place)
    _play_ride_codes(talk, place, issuer)
    _play_batch(talk, place)
    _play_alone(talk, place)
    _play_reports(talk, place)
    _play_requests(talk, place)
    return place


def _play_parameters(talk: Talk, place: Place) -> None:
    path = f"/v1/controllers/{place.controller_id}/parameters"

    def check_document(answer: Answer) -> str | None:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return "must be 200 with a document"
        if answer.headers.get("etag") != f'"{answer.body["version"]}"':
            return "the ETag must be the version in quotes"
        try:
            check_version(answer.content)
        except ParametersInvalid as error:
            return str(error)
        return None

    etag = talk.step("parameters", "GET", path, check=check_document).headers.get("etag", "")
    talk.step(
        "the parameters that you have",
        "GET",
        path,
        check=lambda it: None if (it.status, it.content) == (304, b"") else "must be 304, empty",
        headers={"If-None-Match": etag},
    )
    gates = [{"gate_id": place.entry_gate, "clock_skew_ms": 0}]
    beat = {"sent_at": place.now.isoformat(), "outbox_taps": 0, "gates": gates}

    def check_beat(answer: Answer) -> str | None:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return "must be 200"
        is_same = f'"{answer.body.get("parameters_version")}"' == etag
        return None if is_same else "parameters_version must be that of the parameters"

    path = f"/v1/controllers/{place.controller_id}/heartbeat"
    talk.step("heartbeat", "POST", path, beat, check=check_beat)


def _play_crossing(talk: Talk, place: Place) -> None:
    medium = place.make_medium()
    entry = place.make_tap("entry", medium, 240)
    entered = expect_decision(
        entry["tap_id"], "entry_opened", outcome="entered", gate_action="open", fare=0
    )
    first = talk.step("entry", "POST", TAPS, entry, check=entered)

    def check_replayed(answer: Answer) -> str | None:
        if answer.headers.get("idempotent-replayed") != "true":
            return "needs the header Idempotent-Replayed: true"
        return None if answer.content == first.content else "must be the first answer, byte by byte"

    talk.step("the same tap again", "POST", TAPS, entry, check=check_replayed)
    in_utc = datetime.fromisoformat(entry["occurred_at"]).astimezone(UTC).isoformat()
    respelled = entry | {"occurred_at": in_utc}
    talk.step("the same instant, spelled in UTC", "POST", TAPS, respelled, check=check_replayed)
    other = entry | {"medium": place.make_medium()}
    conflict = expect_problem(409, "tap-conflict")
    talk.step("the same tap_id for another tap", "POST", TAPS, other, check=conflict)
    exit_ = place.make_tap("exit", medium, 120)
    reasons = CROSSINGS[:1] if place.is_designated else CROSSINGS
    outcome = {"outcome": "waived", "fare": 0} if place.is_designated else {}
    crossed = expect_decision(exit_["tap_id"], *reasons, gate_action="open", **outcome)
    talk.step("exit inside the window", "POST", TAPS, exit_, check=crossed)
    late = place.make_tap("entry", medium, 230)
    check = expect_decision(late["tap_id"], "arrived_out_of_order", outcome="late", fare=0)
    talk.step("a tap that comes late", "POST", TAPS, late, check=check)


def _play_errors(talk: Talk, place: Place) -> None:
    def tap(**changes: Any) -> dict[str, Any]:
        return place.make_tap("entry", place.make_medium(), 60) | changes

    nowhere = "NO-SUCH-GATE"
    unknown = place.make_tap("entry", place.make_medium(), 60, nowhere)
    talk.step("unknown gate", "POST", TAPS, unknown, check=expect_problem(404, "unknown-gate"))
    malformed = expect_problem(400, "malformed-json")
    talk.step("a body that is cut off", "POST", TAPS, b'{"tap_id": "', check=malformed)
    twice = b'{"tap_id": "a", "tap_id": "b"}'
    talk.step("a key that stands twice", "POST", TAPS, twice, check=malformed)
    invalid = expect_problem(422, "invalid-request")
    talk.step("a field that is unknown", "POST", TAPS, tap(more=1), check=invalid)
    ahead = place.make_tap("entry", place.make_medium(), -3_600)
    talk.step(
        "a clock that is ahead", "POST", TAPS, ahead, check=expect_problem(422, "clock-ahead")
    )
    no_medium = expect_problem(422, "unknown-medium")
    unheard = tap(medium={"type": "no-such-medium", "id": "1"})
    talk.step("unknown medium", "POST", TAPS, unheard, check=no_medium)
    denied = expect_problem(401, "unauthorized", "www-authenticate")
    talk.step("a wrong key", "POST", TAPS, tap(), check=denied, key="wrong")
    talk.step("no key", "POST", TAPS, tap(), check=denied, key="")
    if place.foreign_gate is None:
        talk.leave_out("the gate of another station", "the key speaks for all of them")
    else:
        foreign = place.make_tap("entry", place.make_medium(), 60, place.foreign_gate)
        not_yours = expect_problem(403, "gate-not-yours")
        talk.step("the gate of another station", "POST", TAPS, foreign, check=not_yours)


def _play_ride_codes(talk: Talk, place: Place, issuer: RideCodeIssuer | None) -> None:
    account = f"gate-check-{place.run}"

    def present(name: str, code: str, direction: str, seconds_ago: float, *reasons: str) -> None:
        tap = place.make_tap(direction, {"type": "qr", "code": code}, seconds_ago)
        talk.step(name, "POST", TAPS, tap, check=expect_decision(tap["tap_id"], *reasons, fare=0))

    if all(it["type"] != "qr" for it in place.parameters["media"]):
        talk.leave_out("ride codes", "the network takes none")
        return
    present("a ride code that is none", "RC1:NO RIDE CODE", "entry", 59, "ride_code_invalid")
    if issuer is None:
        talk.leave_out("ride codes, good, used and old", "needs the key of a test issuer")
        return
    now_ms = int(place.now.timestamp() * 1_000)
    code, old = issuer.issue(account, now_ms - 58_000), issuer.issue(account, now_ms - 3_600_000)
    present("a good ride code", code, "entry", 58, "entry_opened")
    present("the same ride code again, elsewhere", code, "exit", 56, "ride_code_replayed")
    present("an old ride code", old, "exit", 55, "ride_code_expired")
    present("a ride code with a letter changed", _damage(code), "exit", 54, "ride_code_invalid")


def _damage(code: str) -> str:
    """Another character near the end, in the signature."""
    return code[:-6] + ("A" if code[-6] != "A" else "B") + code[-5:]


def _play_batch(talk: Talk, place: Place) -> None:
    medium = place.make_medium()
    first, last = place.make_tap("entry", medium, 50), place.make_tap("exit", medium, 40)
    bad = place.make_tap("entry", medium, 45) | {"direction": "up"}

    def check(answer: Answer) -> str | None:
        results = answer.body.get("results") if isinstance(answer.body, dict) else None
        if answer.status != 200 or not isinstance(results, list) or len(results) != 3:
            return "must be 200 with three results"
        problem = results[1].get("problem") or {}
        if results[1].get("tap_id") != bad["tap_id"] or problem.get("status") != 422:
            return "the second result must be the problem of its tap"
        fault = find_fault(results[0], first["tap_id"], ("entry_opened",))
        return fault or find_fault(results[2], last["tap_id"], CROSSINGS)

    taps = {"taps": [first, bad, last]}
    talk.step("a batch with one bad tap", "POST", BATCH, taps, check=check)
    empty = expect_problem(422, "invalid-request")
    talk.step("a batch without taps", "POST", BATCH, {"taps": []}, check=empty)


def _play_alone(talk: Talk, place: Place) -> None:
    medium = place.make_medium()
    entry = place.make_tap("entry", medium, 35)
    entered = expect_decision(entry["tap_id"], "entry_opened", gate_action="open")
    talk.step("an entry whose answer is lost", "POST", TAPS, entry, check=entered)
    alone = entry | {"offline": {"gate_action_taken": "open", "fare_taken": 0}}
    talk.step("the same, decided alone and uploaded", "POST", TAPS, alone, check=entered)
    exit_ = place.make_tap("exit", medium, 30, offline=alone["offline"])
    check = expect_decision(exit_["tap_id"], *CROSSINGS)
    talk.step("an exit that was decided alone", "POST", TAPS, exit_, check=check)


def _play_reports(talk: Talk, place: Place) -> None:
    medium = place.make_medium()
    entry = place.make_tap("entry", medium, 25)
    entered = expect_decision(entry["tap_id"], "entry_opened")
    talk.step("an entry that nobody walks through", "POST", TAPS, entry, check=entered)
    path = f"/v1/taps/{entry['tap_id']}/report"
    report = {"gate_action_taken": "open", "fare_taken": 0, "passed": False, "cause": "gate check"}
    talk.step("the report of it", "POST", path, report, check=entered)
    talk.step("the same report again", "POST", path, report, check=entered)
    exit_ = place.make_tap("exit", medium, 20)
    check = expect_decision(exit_["tap_id"], "no_open_entry")
    talk.step("an exit without an open entry", "POST", TAPS, exit_, check=check)
    missing = expect_problem(404, "not-found")
    path = f"/v1/taps/{place.entry_gate}.{place.run}.00/report"
    talk.step("a report of no tap", "POST", path, report, check=missing)


def _play_requests(talk: Talk, place: Place) -> None:
    large = b" " * TOO_LARGE_BYTES
    too_large = talk.ask("POST", TAPS, large)
    if too_large.status == 400:
        talk.leave_out("a body that is too large", f"this site takes {TOO_LARGE_BYTES:,} bytes")
    else:
        check = expect_problem(413, "body-too-large")
        talk.step("a body that is too large", "POST", TAPS, large, check=check)
    type_ = expect_problem(415, "unsupported-media-type")
    for name, headers in (
        ("a body that is no JSON", {"Content-Type": "text/plain"}),
        ("a compressed body", {"Content-Encoding": "gzip"}),
    ):
        talk.step(name, "POST", TAPS, b"{}", check=type_, headers=headers)
    method = expect_problem(405, "method-not-allowed", "allow")
    talk.step("another method", "GET", TAPS, check=method)
    talk.step("another address", "GET", "/v1/no-such-thing", check=expect_problem(404, "not-found"))
    path = f"/v1/gates/{place.entry_gate}"
    talk.step("HEAD", "HEAD", path, check=_expect_status(200))


def _expect_status(status: int) -> Any:
    return lambda answer: None if answer.status == status else f"must be {status}"
