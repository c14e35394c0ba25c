"""JSON in UTF-8 that has one meaning, or none: what every route takes for a body.

RFC 8259 leaves open what a key that stands twice means, and parsers differ. So such a text is
refused here, by the fast reader of taps and by all other routes alike.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from api.contract.problems import Refused

_NAMED: Final = re.compile(r"[A-Za-z_]{1,40}").fullmatch
"""A key that may be repeated to the client: none that could be the number of a card."""


Place = tuple[int | str, ...]
"""The keys and indexes that lead to a value."""


MEMBERS_MAX: Final = 1_000
"""Members of one object: none of the contract has more, and to name 100,000 faults takes seconds.
"""


class _Repeated(NamedTuple):
    """Stands for an object that has a key twice."""

    key: str


def read_json(body: bytes) -> bytes:
    """One JSON text without its byte order mark. Refused when it is none, or ambiguous (400).

    Refused too when an object has more than `MEMBERS_MAX` members (422). Linear in the length of
    the body; arrays and objects may be nested some 200 deep.
    """
    text = read_grammar(body)
    place = find_repeated_key(text, _check_size)
    if place is not None:
        raise Refused("malformed-json", f"the key {name_place(place)} stands more than once")
    return text


def _check_size(members: int) -> None:
    if members > MEMBERS_MAX:
        why = f"an object may have {MEMBERS_MAX} members"
        raise Refused("invalid-request", why, [("", why)])


def read_grammar(body: bytes) -> bytes:
    """The same, but a key may stand twice."""
    text = body.removeprefix(codecs.BOM_UTF8)
    if not text.strip():
        raise Refused("malformed-json", "the body is empty")
    if b"\0" in text[:4] or text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refused("malformed-json", "the body must be in UTF-8, not in UTF-16 or UTF-32")
    try:
        from_json(text, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:  # says where, and not what stands there
        raise Refused("malformed-json", f"the body is not JSON in UTF-8: {error}") from None
    return text


def find_repeated_key(text: bytes, check_size: Callable[[int], None] | None = None) -> Place | None:
    """Where a key stands twice in one object, the outermost and first; None when nowhere.

    The text has passed `read_grammar`. `check_size` is called with the members of every object.
    """
    found = False

    def pair(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeated:
        nonlocal found
        members = dict(pairs)
        if len(members) == len(pairs):
            if check_size is not None:
                check_size(len(members))
            return members
        found = True
        counts = Counter(key for key, _ in pairs)
        return _Repeated(next(key for key, count in counts.items() if count > 1))

    # Numbers stay text: Python refuses to read very long ones.
    tree = json.loads(text, object_pairs_hook=pair, parse_int=str, parse_float=str)
    return _find_place(tree) if found else None


def name_place(place: Place) -> str:
    """The name of a place: ``taps.3.medium.id``. A key that is no name of a field is left out."""
    return ".".join(str(key) if isinstance(key, int) or _NAMED(key) else "…" for key in place)


def _find_place(tree: Any) -> Place | None:
    # A place is a chain to the root until it is wanted: copied for every value, it would be long.
    waiting: list[tuple[Any, Any]] = [(None, tree)]
    while waiting:
        chain, value = waiting.pop()
        if isinstance(value, _Repeated):
            return _unchain((chain, value.key))
        if isinstance(value, dict):
            waiting += [((chain, key), inner) for key, inner in value.items()][::-1]
        elif isinstance(value, list):
            waiting += [((chain, index), inner) for index, inner in enumerate(value)][::-1]
    return None


def _unchain(chain: Any) -> Place:
    place: list[int | str] = []
    while chain is not None:
        chain, key = chain
        place.append(key)
    return tuple(place[::-1])
