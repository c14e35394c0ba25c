"""Vectors of texts: tokens of media, tap_ids, spellings of times."""

from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from api.contract.taps import Id
from api.contract.times import format_ms, parse_rfc3339
from gates.media.tokens import TokenMaker

TOKEN_KEY: Final = bytes(range(32))
"""Published, and so the token key of no installation."""

_MEDIA: Final = (
    ("tianfutong", "3104870512345678"),
    ("tianfutong", "0000000000"),
    ("qr", "account-7"),
    ("qr", "account-7#1"),
    ("qr", "ACCOUNT-7"),
    ("paper", "票 1"),
)
_TAP_IDS: Final = (
    *("FHY-A-01.20211124.000173", "a", "A:b_c-d.9", "x" * 64, "x" * 65, "", "a b", "a/b", "a\n"),
    *("é", "票", "a#1", "..", "-", "a,b", " a", "a%41"),
)
_TIMES: Final = (
    "2021-11-24T08:15:30.120+08:00",
    "2021-11-24T00:15:30.120Z",
    "2021-11-24t00:15:30.12z",
    "2021-11-24T08:15:30.1209999+08:00",
    "2021-11-24T08:15:30+08:00",
    "2021-11-23T18:45:30-05:30",
    "2021-11-24T08:15:30.120-00:00",
    "2024-02-29T23:59:59.999+08:00",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999Z",
    "2021-02-29T08:15:30+08:00",
    "2021-11-24T08:15:30",
    "2021-11-24T08:15:30.120+0800",
    "2021-11-24T08:15+08:00",
    "2021-11-24 08:15:30+08:00",
    "2021-11-24T24:00:00+08:00",
    "2021-11-24T08:15:60+08:00",
    "2021-11-24T08:15:30,120+08:00",
    "20211124T081530+0800",
    "2021-W47-3T08:15:30+08:00",
    "1637712930120",
    "",
)


def make_tokens() -> dict[str, Any]:
    """The first 16 bytes of HMAC-SHA-256 under the token key over `type:id` in UTF-8."""
    maker = TokenMaker(TOKEN_KEY)
    cases = [
        {"type": type_, "id": id_, "token": maker.token(type_, id_).hex()} for type_, id_ in _MEDIA
    ]
    return {"token_key": TOKEN_KEY.hex(), "cases": cases}


def make_tap_ids() -> dict[str, Any]:
    """Which texts may be the id of a tap."""
    return {"cases": [{"tap_id": text, "valid": _is_id(text)} for text in _TAP_IDS]}


def make_times() -> dict[str, Any]:
    """The instants of texts, milliseconds since 1970; null for a text that is refused."""
    return {"cases": [_time_case(text) for text in _TIMES]}


def _time_case(text: str) -> dict[str, Any]:
    try:
        at_ms = parse_rfc3339(text)
    except ValueError:
        return {"text": text, "at_ms": None}
    return {"text": text, "at_ms": at_ms, "in_shanghai": format_ms(at_ms, "Asia/Shanghai")}


def _is_id(text: str) -> bool:
    try:
        TypeAdapter(Id).validate_python(text)
    except ValidationError:
        return False
    return True
