"""Finds what looks like a card number in free text: a text is no place for one.

Ten digits or more in a row are one, however they are set apart and in whatever digits they are
written. Dates, times of the day and addresses of machines are none: they stand in honest notes.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

DIGITS_MIN: Final = 10
"""The shortest number of a card; a longer row than any card's holds more than one."""

MASK: Final = "****"

# Spaces, dashes and dots of any kind, and what is not seen at all: joiners, marks over a digit.
_BETWEEN: Final = (
    r"[\s\-._/\\:,'·•‧∙*+~"
    r"\u00ad\u0300-\u036f\u180e\u200b-\u200f\u2010-\u2015\u2027-\u202f\u2043\u205f-\u2064"
    r"\u20e3\u2212\u3030\u30fb\ufe00-\ufe0f\ufeff]*"
)
# A list is no number: after a comma or a point comes a space.
_LISTED: Final = r"(?![,.:]\s)"
_NUMBER: Final = re.compile(rf"\d(?:{_LISTED}{_BETWEEN}\d){{{DIGITS_MIN - 1},}}")

_DAY: Final = (
    r"(?:19|20)\d\d(?:(?:1[0-2]|0[1-9])(?:3[01]|[12]\d|0[1-9])"
    r"|[-/.](?:1[0-2]|0?[1-9])[-/.](?:3[01]|[12]\d|0?[1-9]))"
)
_TIME: Final = r"(?:2[0-3]|[01]?\d):[0-5]\d(?::[0-5]\d)?"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_HONEST: Final = re.compile(
    rf"(?<!\d)(?:{_DAY}|{_TIME}|{_OCTET}(?:\.{_OCTET}){{3}})(?!\d)", re.ASCII
)


def has_card_number(text: str) -> bool:
    """Whether a text holds what looks like a card number."""
    return sum(map(str.isdecimal, unicodedata.normalize("NFKC", text))) >= DIGITS_MIN and any(
        is_number for _, is_number in _split(text)
    )


def mask_card_numbers(text: str) -> str:
    """The text with every such number masked; as it is where it holds none."""
    if not has_card_number(text):
        return text
    return "".join(MASK if is_number else part for part, is_number in _split(text))


def _split(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text, one after the other, and whether each is a number that must go."""
    # Full-width, circled and raised digits become plain ones.
    text = unicodedata.normalize("NFKC", text)
    begin = 0
    for honest in _HONEST.finditer(text):
        yield from _split_numbers(text[begin : honest.start()])
        yield honest[0], False
        begin = honest.end()
    yield from _split_numbers(text[begin:])


def _split_numbers(text: str) -> Iterator[tuple[str, bool]]:
    begin = 0
    for number in _NUMBER.finditer(text):
        yield text[begin : number.start()], False
        yield number[0], True
        begin = number.end()
    yield text[begin:], False


def _refuse(text: str) -> str:
    if has_card_number(text):
        message = "holds what looks like a card number; write its last four digits at most"
        raise PydanticCustomError("card_number", message)
    return text


NoCardNumber: Final = AfterValidator(_refuse)
"""Of a text that a person types: a 422 says at once what is wrong with it."""
