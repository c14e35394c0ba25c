"""What a gate asked, as the contract has it: a tap or a report, read from its JSON."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from simulator.auditor.moments import format_moment, read_moment

TokenOf = Callable[[str, str], str]
"""Names the token (hexadecimal) of a medium's type and id, for a caller who holds the token key."""

_TAP_ID: Final = re.compile("[A-Za-z0-9._:-]{1,64}")


class Content(NamedTuple):
    """What makes a tap the same tap, beside its tap_id."""

    gate_id: str
    direction: str
    medium_type: str
    medium: str
    at_ms: int


class Report(NamedTuple):
    """What a gate says it did."""

    action: str
    fare_taken: int
    passed: bool | None = None

    @property
    def nobody_passed(self) -> bool:
        return self.passed is False or self.action == "refuse"


class RideCode(NamedTuple):
    """What the auditor knows about a ride code."""

    medium_id: str
    issued_at_ms: int
    code_id: str
    valid: bool


class Ask:
    """One request about one tap. `content` is None for a report sent by itself."""

    __slots__ = (
        "after",
        "alike",
        "code",
        "code_id",
        "content",
        "history",
        "medium_id",
        "report",
        "sent_at_ms",
        "sent_place",
        "shown_by",
        "tap_id",
    )

    def __init__(self, tap_id: str, content: Content | None, report: Report | None) -> None:
        self.tap_id = tap_id
        self.content = content
        self.report = report
        self.medium_id: str | None = None
        self.code: RideCode | None = None
        self.code_id: str | None = None
        self.shown_by: set[str] = set()
        """All media that showed its code so far, on any tap."""
        self.sent_place = 0
        self.sent_at_ms = 0
        self.after: Ask | None = None
        """The tap of this token that stands before it in the same batch."""
        self.alike = 0
        """The same for all requests to its history that say the same."""
        self.history: Any = None


class Malformed(ValueError):
    """No tap can be read from the body that was sent."""


def name_medium(medium: Mapping[str, Any], token_of: TokenOf | None) -> str:
    """A name for a medium that is the same whenever it is the same medium.

    With `token_of` it is the token, so that a medium sent by its id and by its token is one.
    """
    if "token" in medium:
        return str(medium["token"]).lower()
    if token_of is not None:
        return token_of(medium["type"], medium["id"])
    return f"{medium['type']}:{medium['id']}"


def read_tap(
    body: Mapping[str, Any], codes: Mapping[str, RideCode], token_of: TokenOf | None
) -> Ask:
    """The tap of a request's body."""
    try:
        medium = body["medium"]
        code = None
        if "code" in medium:
            code = codes.get(medium["code"], RideCode(f"code {medium['code']}", 0, "", False))
            named = name_medium({"type": medium["type"], "id": code.medium_id}, token_of)
        else:
            named = name_medium(medium, token_of)
        content = Content(
            body["gate_id"],
            body["direction"],
            medium["type"],
            named,
            read_moment(body["occurred_at"]),
        )
        offline = body.get("offline")
        report = offline and Report(offline["gate_action_taken"], offline["fare_taken"])
        tap_id = body["tap_id"]
        if not _TAP_ID.fullmatch(tap_id) or content.direction not in ("entry", "exit"):
            raise Malformed("a tap_id or a direction that cannot be")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"the body is no tap: {error!r}") from error
    ask = Ask(tap_id, content, report)
    ask.medium_id = code.medium_id if code and code.valid else medium.get("id")
    ask.code = code
    ask.code_id = code.code_id if code else medium.get("code_id")
    return ask


def read_report(tap_id: str, body: Mapping[str, Any]) -> Ask:
    """The report of a request's body."""
    report = Report(body["gate_action_taken"], body["fare_taken"], body.get("passed"))
    return Ask(tap_id, None, report)


def name_tap(ask: Ask) -> str:
    """A request for people."""
    if ask.content is None:
        return f"report of {ask.tap_id}"
    content = ask.content
    return f"{content.direction} at {content.gate_id}, {format_moment(content.at_ms)}"
