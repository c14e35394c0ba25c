"""The state of each token after its latest tap at this station, durable.

The same `TokenState` that the engine keeps, but of this station's taps alone. A journey's terms are
stored as the versions that its entry pinned.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from fare_engine.journey import BLANK, OpenJourney, Terms, TokenState
from gates.station_file import StationFile

Pin = tuple[int | None, bool, int]
"""Policy version, whether suspended, tariff version."""

FindTerms = Callable[[Pin, int], Terms | None]
"""The terms by what an entry pinned and its instant; None when they are no longer known."""

_ENTERED_AT: Final = OpenJourney.__struct_fields__.index("entered_at_ms")
_TERMS: Final = OpenJourney.__struct_fields__.index("terms")

STATES_MAX: Final = 500_000
"""Tokens kept; beyond it those not seen for longest are removed."""


def encode_state(state: TokenState) -> str:
    """A state as text."""
    journey = state.open
    fields: list[Any] | None = None
    if journey is not None:
        fields = list(astuple(journey))
        fields[_TERMS] = _pin(journey.terms)
    return msgspec.json.encode([fields, *astuple(state)[1:]]).decode()


def decode_state(text: str, find_terms: FindTerms) -> TokenState:
    """A state from its text; a journey whose terms are no longer known is left out."""
    fields, *rest = msgspec.json.decode(text)
    journey = None
    if fields is not None:
        policy_version, suspended, tariff_version = fields[_TERMS]
        terms = find_terms((policy_version, suspended, tariff_version), fields[_ENTERED_AT])
        if terms is not None:
            fields[_TERMS] = terms
            journey = OpenJourney(*fields)
    return TokenState(journey, *rest)


def _pin(terms: Terms) -> Pin:
    version = None if terms.policy is None else terms.policy.version
    return version, terms.suspended, terms.tariff.version


def find_state(file: StationFile, token: bytes, find_terms: FindTerms) -> TokenState:
    """The state of a token; blank when it was never seen here."""
    rows = file.read("SELECT document FROM states WHERE token = ?", (token,))
    return decode_state(rows[0][0], find_terms) if rows else BLANK


def write_state(sql: sqlite3.Connection, token: bytes, document: str, at_ms: int) -> None:
    """Store a state, within a transaction."""
    sql.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", (token, at_ms, document))


def prune_states(sql: sqlite3.Connection, before_ms: int, limit: int) -> None:
    """Remove some tokens not seen since then, and some beyond STATES_MAX."""
    old = sql.execute(
        "SELECT token FROM states WHERE touched_at < "
        "iif((SELECT count(*) FROM states) > ?, 1 << 62, ?) ORDER BY touched_at LIMIT ?",
        (STATES_MAX, before_ms, limit),
    ).fetchall()
    sql.executemany("DELETE FROM states WHERE token = ?", old)
