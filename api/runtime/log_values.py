"""What is logged of a request is short, and cannot look like a line of the log.

A client chooses what stands in its path or in the message of an error. Control characters, line
ends and what turns the direction of text are written as escapes; what may be the number of a card,
or a key, is masked, since a library may put into an error what it was given.
"""

import re
import traceback
from types import TracebackType
from typing import Any, Final, TextIO

from structlog.typing import EventDict

VALUE_CHARS_MAX: Final = 500
ITEMS_MAX: Final = 50
DEPTH_MAX: Final = 6
TRACEBACK_CHARS_MAX: Final = 10_000

_CARD: Final = re.compile(r"\d{10,}|\d{4}(?:[ -]\d{4}){2,}(?:[ -]\d{1,4})?")
_KEY: Final = re.compile(r"\bfe_([a-z]+)_[\w-]+")
_MASKED_CHARS_MAX: Final = 100
"""Looked at behind the end of a value, so that no number is cut before it is known for one."""
_NOT_VALUES: Final = frozenset({"exc_info"})


def bound_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Bound every value of a line: a processor of structlog."""
    return {
        name: value if name in _NOT_VALUES else _bound(value, DEPTH_MAX)
        for name, value in event.items()
    }


def _bound(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, dict | list | tuple) and depth > 0:
        if isinstance(value, dict):
            items = list(value.items())[:ITEMS_MAX]
            return {clean(str(name)): _bound(item, depth - 1) for name, item in items}
        return [_bound(item, depth - 1) for item in value[:ITEMS_MAX]]
    if isinstance(value, int) and value.bit_length() <= 64:
        return value
    return clean(str(value))


def clean(text: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    """A text as one short line: its beginning, and how long it was."""
    begin = mask(text[: chars_max + _MASKED_CHARS_MAX])
    short = begin if len(text) <= chars_max else f"{begin[:chars_max]}… ({len(text)} characters)"
    return escape(short)


def mask(text: str) -> str:
    """A text without keys, and with the last four digits alone of what may be a card's number."""
    return _KEY.sub(r"fe_\1_…", _CARD.sub(lambda found: f"****{found[0][-4:]}", text))


def escape(text: str) -> str:
    """A text with escapes for what is no printable character."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def write_traceback(
    output: TextIO,
    exception_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> None:
    """Write a traceback, indented: no line of it can be taken for one of the log."""
    lines = "".join(traceback.format_exception(*exception_info)).split("\n")
    text = "\n".join(f"    {escape(mask(line))}" for line in lines if line)
    if len(text) > TRACEBACK_CHARS_MAX:
        half = TRACEBACK_CHARS_MAX // 2
        text = f"{text[:half]}\n    … ({len(text)} characters)\n    {text[-half:]}"
    output.write(f"\n{text}")
