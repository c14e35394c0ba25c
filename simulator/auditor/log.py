"""A run as JSON lines, so that it can be kept and audited again.

The first line is `{"event": "begins", "network": …, "published": …}`; each line after it is an
event with the arguments of the method of `Auditor` that has its name.
"""

import json
from collections.abc import Iterable
from typing import Final

from simulator.auditor.auditor import Auditor
from simulator.auditor.moments import read_moment
from simulator.auditor.requests import RideCode, TokenOf
from simulator.auditor.verdict import Verdict

EVENTS: Final = frozenset(
    {
        "tap_sent",
        "batch_sent",
        "report_sent",
        "answered",
        "unanswered",
        "changing",
        "changed",
        "read_back",
        "outbox",
    }
)


class LogInvalid(ValueError):
    """A line of the log cannot be read; the text names it."""


def audit_log(lines: Iterable[str], token_of: TokenOf | None = None) -> Verdict:
    """Audit a log; LogInvalid names the line that cannot be read."""
    auditor: Auditor | None = None
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            name = event.pop("event")
            if auditor is None:
                if name != "begins":
                    raise ValueError("the first event must be 'begins'")
                auditor = Auditor(**event, token_of=token_of)
            else:
                _take(auditor, name, event)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogInvalid(f"line {number}: {error!r}") from error
    if auditor is None:
        raise LogInvalid("the log is empty")
    return auditor.finish()


def _take(auditor: Auditor, name: str, event: dict[str, object]) -> None:
    if name == "ride_code":
        facts = RideCode(
            str(event["medium_id"]),
            read_moment(str(event["issued_at"])),
            str(event["code_id"]),
            event["valid"] is True,
        )
        auditor.ride_code(str(event["code"]), facts)
    elif name in EVENTS:
        getattr(auditor, name)(**event)
    else:
        raise ValueError(f"{name!r} is no event")
