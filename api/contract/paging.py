"""Lists in pages: `limit` and `cursor` in, `items` and `next_cursor` out."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import Query

from api.contract.operators import PAGE_MAX, Page
from api.contract.problems import Refused

T = TypeVar("T")
A = TypeVar("A")

NUMBER_MAX: Final = 2**62

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="entries of one page")]
Cursor = Annotated[
    str | None, Query(max_length=64, description="the `next_cursor` of the page before")
]


def read_number(cursor: str | None) -> int | None:
    """The number in a cursor of a list that grows; Refused when it is none."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) <= NUMBER_MAX):
        raise bad_cursor()
    return int(cursor)


def bad_cursor() -> Refused:
    """The refusal of a cursor that is of no page."""
    message = "is no cursor of this list"
    return Refused("invalid-request", f"cursor {message}", [("cursor", message)])


def page_of_rows(
    rows: Sequence[T], limit: int, cursor_of: Callable[[T], int], view: Callable[[T], A]
) -> Page[A]:
    """A page of rows of which one more than the limit was read, to know whether more follow."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[view(row) for row in shown],
        next_cursor=str(cursor_of(shown[-1])) if more else None,
    )


def page_of_values(
    values: Sequence[T],
    limit: int,
    cursor: str | None,
    id_of: Callable[[T], str],
    view: Callable[[T], A],
) -> Page[A]:
    """A page of values that are all at hand; the cursor is the id of the last one shown."""
    start = 0
    if cursor is not None:
        places = [place for place, value in enumerate(values) if id_of(value) == cursor]
        if not places:
            raise bad_cursor()
        start = places[0] + 1
    shown = values[start : start + limit]
    more = start + limit < len(values)
    return Page(
        items=[view(value) for value in shown],
        next_cursor=id_of(shown[-1]) if more else None,
    )
