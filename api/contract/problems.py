"""Problems: every error leaves as RFC 9457 `application/problem+json`, with a code that stays.

The table below lists all that clients may get. Nothing here knows a web framework, so that the
bare handlers of the tap routes and the routes behind them answer with the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from fare_engine.errors import CatalogueInvalid, FareEngineError

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1
"""After a 503: a gate that waits longer decides alone."""

FAULTS_SHOWN_MAX: Final = 50
"""Faults listed in one answer: a body may have thousands."""

FIELD_LENGTH_MAX: Final = 120
"""A client may name a field as it likes, and as long."""

_NUMBER: Final = re.compile(r"[0-9](?:[ -]?[0-9]){9,}")
"""What may be a card, and stands where a field should have its name."""

Headers = list[tuple[bytes, bytes]]
FieldFault = tuple[str, str]


class Kind(NamedTuple):
    """One kind of problem; `field` is what a 422 names when nothing more is known."""

    status: int
    title: str
    field: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    "malformed-json": Kind(400, "The body is not JSON"),
    "malformed-request": Kind(400, "The request is not HTTP as it should be"),
    "unauthorized": Kind(401, "A valid key is needed"),
    "forbidden": Kind(403, "This key may not do this"),
    "gate-not-yours": Kind(403, "This key does not speak for this gate"),
    "not-found": Kind(404, "There is no such thing"),
    "unknown-gate": Kind(404, "There is no such gate"),
    "method-not-allowed": Kind(405, "This address does not take this method"),
    "request-timeout": Kind(408, "The request did not come in time"),
    "conflict": Kind(409, "This contradicts what is stored"),
    "tap-conflict": Kind(409, "The tap_id was used before with other content"),
    "body-too-large": Kind(413, "The body is too large"),
    "url-too-long": Kind(414, "The URL is too long"),
    "unsupported-media-type": Kind(415, "The body must be application/json"),
    "expectation-failed": Kind(417, "The expectation cannot be met"),
    "invalid-request": Kind(422, "The request does not fit the contract"),
    "clock-ahead": Kind(422, "The gate's clock is ahead", "occurred_at"),
    "direction-not-allowed": Kind(422, "The gate does not take this direction", "direction"),
    "unknown-medium": Kind(422, "There is no such medium type", "medium.type"),
    "medium-id-invalid": Kind(422, "The id does not fit its medium", "medium.id"),
    "key-unusable": Kind(422, "The key cannot be used", "public_key"),
    "ride-code-refused": Kind(422, "The ride code is refused", "medium.code"),
    "no-tariff-in-force": Kind(422, "No tariff was in force", "occurred_at"),
    "tap-refused": Kind(422, "The tap cannot be decided"),
    "catalogue-invalid": Kind(422, "The catalogue would hold what cannot be"),
    "file-invalid": Kind(422, "The document cannot be read"),
    "too-many-failures": Kind(429, "Too many requests without a valid key"),
    "headers-too-large": Kind(431, "The headers are too many or too large"),
    "internal-error": Kind(500, "Something broke inside; it is in the log"),
    "fare-engine-error": Kind(500, "Something broke inside; it is in the log"),
    "ledger-damaged": Kind(500, "The ledger contradicts itself"),
    "configuration-error": Kind(500, "The configuration cannot be used"),
    "data-directory-in-use": Kind(500, "Another process holds the data directory"),
    "data-directory-used": Kind(500, "The data directory is in use already"),
    "data-directory-missing": Kind(500, "There is no data directory"),
    "schema-version-wrong": Kind(500, "The ledger is of another version"),
    "ledger-incomplete": Kind(500, "What was acknowledged is missing"),
    "token-key-wrong": Kind(500, "The token key is not this ledger's"),
    "ledger-error": Kind(503, "The ledger cannot serve right now"),
    "ledger-unavailable": Kind(503, "The ledger did not confirm"),
    "overloaded": Kind(503, "Too much waits already"),
    "not-ready": Kind(503, "Not ready"),
    "http-version-not-supported": Kind(505, "This version of HTTP is not spoken here"),
}

_CODES_BY_STATUS: Final = {
    400: "malformed-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    429: "too-many-failures",
    503: "overloaded",
}


counts: Final[Counter[str]] = Counter()
"""Answers of this process that were problems, by code: for the metrics."""


class Refused(Exception):
    """A request that is answered with a problem; for what the engine does not raise."""

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Iterable[FieldFault] = (),
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = list(headers)


def find_code(status: int) -> str:
    """The code for a status that a library chose."""
    return _CODES_BY_STATUS.get(status, "internal-error" if status >= 500 else "malformed-request")


def problem(
    code: str, detail: str, errors: Iterable[FieldFault] | None = None, **more: Any
) -> dict[str, Any]:
    """The members of a problem: also what stands beside a tap that failed within a batch."""
    kind = KINDS.get(code) or KINDS["internal-error"]
    members: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": _clean(detail),
    }
    if kind.status == 422:
        faults = list(errors or ()) or [(kind.field, detail)]
        members["errors"] = [
            {"field": clean_field(field), "message": _clean(message)} for field, message in faults
        ]
    return members | more


def problem_bytes(
    code: str, detail: str, errors: Iterable[FieldFault] | None = None, **more: Any
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a problem, for handlers that speak bare ASGI."""
    counts[code] += 1
    members = problem(code, detail, errors, **more)
    body = msgspec.json.encode(members)
    status: int = members["status"]
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    elif status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="fare-engine"'))
    return status, headers, body


def error_problem(error: FareEngineError) -> dict[str, Any]:
    """The problem of an error of the engine."""
    return problem(error.code, _detail(error), _faults(error))


def error_bytes(error: FareEngineError) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the problem of an error of the engine."""
    return problem_bytes(error.code, _detail(error), _faults(error))


def _detail(error: FareEngineError) -> str:
    """What a client may read: paths and versions in a 500 are for the operator alone."""
    kind = KINDS.get(error.code)
    return str(error) if kind is not None and kind.status != 500 else KINDS["internal-error"].title


def _faults(error: FareEngineError) -> Iterable[FieldFault] | None:
    return error.faults[:FAULTS_SHOWN_MAX] if isinstance(error, CatalogueInvalid) else None


def clean_field(field: str) -> str:
    """The name of a field as an answer may repeat it: short, and without what may be a card."""
    return _clean(_NUMBER.sub("…", field))[:FIELD_LENGTH_MAX]


def _clean(text: str) -> str:
    """Text that UTF-8 can carry, whatever the client sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
