"""What was answered, read from its JSON, and how it differs from what must be answered."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from simulator.auditor.branch import Result
from simulator.auditor.moments import read_moment
from simulator.auditor.rule import Journey, Ruling

UNJUDGED: Final = frozenset(
    {
        "malformed-json",
        "malformed-request",
        "unauthorized",
        "forbidden",
        "gate-not-yours",
        "method-not-allowed",
        "body-too-large",
        "unsupported-media-type",
        "invalid-request",
    }
)
"""Problems of the request and its sender, answered before the rule is asked."""

Difference = tuple[str, str]
"""The code of a check, and what is and what should be."""


class Answer(NamedTuple):
    """One answer. `replayed` is None where it is not marked, as in a batch."""

    status: int
    text: str
    document: Mapping[str, Any] | None
    problem: str | None = None
    replayed: bool | None = None

    @property
    def is_decision(self) -> bool:
        return self.status == 200


class _Batch(msgspec.Struct):
    results: list[msgspec.Raw]


_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_BATCH: Final = msgspec.json.Decoder(_Batch)


def read_object(text: str | bytes | msgspec.Raw) -> dict[str, Any]:
    """A JSON object; ValueError where it is none."""
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def read_answer(status: int, text: str, replayed: bool | None) -> Answer:
    """An answer to a tap or a report; ValueError where it is no JSON object."""
    document = read_object(text) if text else {}
    if status == 200:
        return Answer(status, text, document, None, replayed)
    return Answer(status, text, None, _code_of(document), replayed)


def read_batch(text: str, taps: int) -> list[Answer]:
    """The answers to the taps of a batch, each as it would be answered alone; else ValueError."""
    try:
        results = _BATCH.decode(text).results
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if len(results) != taps:
        raise ValueError(f"{len(results)} results for {taps} taps")
    return [_read_result(result) for result in results]


def _read_result(text: msgspec.Raw) -> Answer:
    result = read_object(text)
    if "problem" in result:
        problem = result["problem"]
        return Answer(problem["status"], "", None, _code_of(problem))
    return Answer(200, bytes(text).decode(), result)


def _code_of(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).removeprefix("/problems/")


def list_differences(result: Result, answer: Answer) -> list[Difference]:
    """How an answer differs from the one that a request must get; none when it is right."""
    if result.kind == "decision":
        if answer.document is None:
            return [("wrong-answer", f"{answer.status} {answer.problem} instead of a decision")]
        known = result.known
        assert known is not None
        ruling = known.ruling or Ruling("recorded", known.problem or "")
        differences = list(_compare(ruling, answer.document))
        marked = answer.document.get("clock_suspect", False)
        if known.suspect is not None and marked is not known.suspect:
            message = f"clock_suspect is {marked} instead of {known.suspect}"
            differences.append(("wrong-suspicion", message))
        return differences
    expected = {
        "problem": result.problem,
        "conflict": "tap-conflict",
        "not-found": "not-found",
    }[result.kind]
    if answer.problem == expected:
        return []
    answered = "a decision" if answer.is_decision else answer.problem
    return [("wrong-answer", f"{answered} instead of {expected}")]


_FIELDS: Final = (
    ("fare", "wrong-fare"),
    ("fare_waived", "wrong-waived-fare"),
    ("policy_version", "wrong-version"),
    ("tariff_version", "wrong-version"),
    ("gate_action", "wrong-gate-action"),
)


def _compare(ruling: Ruling, document: Mapping[str, Any]) -> Iterator[Difference]:
    try:
        given = document["outcome"], document["reason"]
        if given != ruling[:2]:
            yield "wrong-outcome", f"{'/'.join(given)} instead of {'/'.join(ruling[:2])}"
        journey = _read_journey(document["journey"])
        if journey != ruling.journey:
            answered, expected = _format_journey(journey), _format_journey(ruling.journey)
            yield "wrong-journey", f"{answered} instead of {expected}"
        for field, code in _FIELDS:
            value, expected = document[field], getattr(ruling, field)
            if value != expected or type(value) is not type(expected):
                yield code, f"{field} is {value} instead of {expected}"
    except (KeyError, TypeError, ValueError) as error:
        yield "unreadable-answer", f"the decision cannot be read: {error!r}"


def _read_journey(document: Mapping[str, Any] | None) -> Journey | None:
    if document is None:
        return None
    exited = document["exited_at"]
    return Journey(
        document["entry_tap_id"],
        document["entry_station"],
        read_moment(document["entered_at"]),
        document["exit_station"],
        None if exited is None else read_moment(exited),
        document["elapsed_ms"],
    )


def _format_journey(journey: Journey | None) -> str:
    if journey is None:
        return "no journey"
    text = f"a journey entered by {journey.entry_tap_id} at {journey.entry_station}"
    if journey.exit_station is None:
        return text
    return f"{text}, left at {journey.exit_station} after {journey.elapsed_ms} ms"
