"""The pattern that a medium's ids must fit: a regular expression that no id can make slow.

Python's own engine tries one way after the other, and some patterns have more ways than anybody can
wait for. The `regex` crate, which pydantic brings, follows all of them at once: its time grows with
the id and with the size of the compiled pattern, so both are bounded here. It knows no look-around
and no back-references.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

PATTERN_LENGTH_MAX: Final = 200
"""Characters of a pattern."""

_COPIES: Final = 30
"""So often a pattern must fit the engine's own limit of 10 MiB: one alone has 350 KiB at most, and
an id takes about a millisecond at worst."""

_KEPT: Final = 1_000

IdPattern = Callable[[str], bool]
"""Whether an id fits as a whole."""


class IdPatternInvalid(ValueError):
    """The pattern cannot be used; the message goes on from its name."""


def check_id_pattern(pattern: str) -> None:
    """Raise IdPatternInvalid for a pattern that may not be registered."""
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise IdPatternInvalid(f"has more than {PATTERN_LENGTH_MAX} characters")
    compile_id_pattern(pattern)
    try:
        _compile(rf"\A(?:(?:{pattern}){{{_COPIES}}})\z")
    except SchemaError:
        raise IdPatternInvalid(
            r"is too large once it is compiled: write [0-9] for \d, and lower counts"
        ) from None


@lru_cache(_KEPT)
def compile_id_pattern(pattern: str) -> IdPattern:
    """A pattern that ids are matched against; IdPatternInvalid where it cannot be evaluated."""
    try:
        _compile(pattern)  # by itself: an unmatched bracket must not meet ours
        return _compile(rf"\A(?:{pattern})\z")
    except SchemaError as error:
        why = str(error).strip().rpartition("\n")[2].removeprefix("error: ").strip()
        raise IdPatternInvalid(
            f"is not a regular expression that can be evaluated in bounded time: {why}"
        ) from None


def compile_id_patterns(media: Mapping[str, str]) -> dict[str, IdPattern]:
    """The patterns of media types by their codes.

    One that was stored before patterns had to be bounded, and is not, fits no id: taps of that
    type are refused, and all others go on.
    """
    return {code: _compile_stored(pattern) for code, pattern in media.items()}


def _compile_stored(pattern: str) -> IdPattern:
    try:
        return compile_id_pattern(pattern)
    except IdPatternInvalid:
        return _fits_none


def _fits_none(_medium_id: str) -> bool:
    return False


def _compile(pattern: str) -> IdPattern:
    schema = core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex")
    fits: IdPattern = SchemaValidator(schema).isinstance_python
    return fits
