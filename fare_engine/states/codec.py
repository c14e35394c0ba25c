"""A token's state as bytes, for a cache outside the process.

Versions stand in it, never rules: who reads it finds the terms in its own catalogue, and takes a
version that it does not know for a miss.
"""

from typing import Final

import msgspec

from fare_engine.catalogue import Catalogue, TermsKey
from fare_engine.errors import LedgerDamaged
from fare_engine.journey import OpenJourney, TokenState, open_journey

CODEC_VERSION: Final = 1


class _Open(msgspec.Struct, array_like=True, gc=False):
    tap_id: str
    gate_id: str
    station_id: str
    entered_at_ms: int
    terms: TermsKey
    row: int


class _State(msgspec.Struct, array_like=True, gc=False):
    version: int
    number: int
    row: int
    clock_ms: int
    waivers: int
    exit_station_id: str | None
    exit_ms: int
    open: _Open | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_State).decode


def encode_state(state: TokenState) -> bytes:
    """The bytes of a state: some fifty, and its tap_id where a journey is open."""
    journey = None if state.open is None else _encode_open(state.open)
    return _encode(
        _State(
            CODEC_VERSION,
            state.number,
            state.row,
            state.clock_ms,
            state.waivers,
            state.exit_station_id,
            state.exit_ms,
            journey,
        )
    )


def decode_state(content: bytes, catalogue: Catalogue) -> TokenState | None:
    """The state, or None: of another codec, or of versions that this catalogue does not know."""
    try:
        stored = _decode(content)
        if stored.version != CODEC_VERSION:
            return None
        journey = None if stored.open is None else _decode_open(stored.open, catalogue)
    except (msgspec.MsgspecError, LedgerDamaged):
        return None
    return TokenState(
        journey,
        stored.clock_ms,
        stored.number,
        stored.waivers,
        stored.exit_station_id,
        stored.exit_ms,
        stored.row,
    )


def _encode_open(journey: OpenJourney) -> _Open:
    terms = journey.terms
    policy_version = None if terms.policy is None else terms.policy.version
    key = journey.station_id, policy_version, terms.suspended, terms.tariff.version, terms.modes
    return _Open(
        journey.tap_id,
        journey.gate_id,
        journey.station_id,
        journey.entered_at_ms,
        key,
        journey.row,
    )


def _decode_open(stored: _Open, catalogue: Catalogue) -> OpenJourney:
    return open_journey(
        stored.tap_id,
        stored.gate_id,
        stored.station_id,
        stored.entered_at_ms,
        catalogue.get_terms(stored.terms),
        stored.row,
    )
