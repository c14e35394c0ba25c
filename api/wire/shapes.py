"""The shapes of taps on the wire, and how the plain ones become taps."""

import re
import string
from typing import Final, Literal

import msgspec

from api.contract.times import parse_rfc3339
from fare_engine.catalogue import Catalogue
from fare_engine.network import Direction
from fare_engine.tap import Tap

BATCH_TAPS_MAX: Final = 1_000

_ID_SIZE_MAX: Final = 64
_ID_BYTES: Final = (string.ascii_letters + string.digits + "._:-").encode()
_TOKEN_BYTES: Final = 16

is_id: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch
is_code: Final = re.compile(r"[a-z0-9_-]{1,32}").fullmatch
DIRECTIONS: Final = {"entry": int(Direction.ENTRY), "exit": int(Direction.EXIT)}


class _Shape(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A shape of the wire; unknown fields are refused."""


class WireMedium(_Shape):
    """A medium by its id, by a token, or by a ride code; what is null was left out."""

    type: str
    id: str | None = None
    code_id: str | None = None
    token: str | None = None
    code: str | None = None


class WireOffline(_Shape):
    """What a gate that decided alone did."""

    gate_action_taken: str
    fare_taken: int


class WireTap(_Shape):
    """One tap."""

    tap_id: str
    gate_id: str
    direction: Literal["entry", "exit"]
    medium: WireMedium
    occurred_at: str
    offline: WireOffline | None = None


class WireBatch(_Shape):
    """The body of a batch."""

    taps: list[WireTap]


class Unfit(Exception):
    """The tap does not fit the contract; the models know why."""


# ValueError: a time or a token that is none, text that is no UTF-8, and JSON that is none.
UNREADABLE: Final = (Unfit, ValueError, msgspec.MsgspecError, RecursionError)

TAP: Final = msgspec.json.Decoder(WireTap)
BATCH: Final = msgspec.json.Decoder(WireBatch)


PLAIN_QUOTES: Final = 26
"""Quotation marks of a tap without `offline` and `code_id`: of 7 keys and 6 texts."""
BATCH_QUOTES: Final = 2
_CODE_ID_QUOTES: Final = 4
_OFFLINE_QUOTES: Final = 8


def count_quotes(wire: WireTap) -> int:
    """How many quotation marks the JSON of a tap has, if no key stands twice and none is escaped.

    A key that is repeated is overwritten while a tap is decoded, but its marks are there. So bytes
    with just as many say one thing; all others, such as a field that is null, are looked at by
    `api.wire.strict_json`.
    """
    quotes = PLAIN_QUOTES
    if wire.medium.code_id is not None:
        quotes += _CODE_ID_QUOTES
    if wire.offline is not None:
        quotes += _OFFLINE_QUOTES
    return quotes


def convert_plain(wires: list[WireTap], catalogue: Catalogue) -> list[Tap] | None:
    """The taps of an outbox: each by its token, without a ride code or a report of its gate.

    None when one is more than that, or names a gate or medium that nobody knows; a batch that does
    not fit raises one of `UNREADABLE`.
    """
    check_ids([wire.tap_id for wire in wires])
    gate_ids = {wire.gate_id for wire in wires}
    media = {wire.medium.type for wire in wires}
    if not (gate_ids <= catalogue.gates.keys() and media <= catalogue.media.keys()):
        return None
    texts: list[str] = []
    for wire in wires:
        medium = wire.medium
        text = medium.token
        if (
            text is None
            or not medium.id is medium.code is medium.code_id is None
            or wire.offline is not None
        ):
            return None
        texts.append(text)
    return [
        Tap(
            wire.tap_id,
            wire.gate_id,
            DIRECTIONS[wire.direction],
            wire.medium.type,
            token,
            parse_rfc3339(wire.occurred_at),
        )
        for wire, token in zip(wires, read_tokens(texts), strict=True)
    ]


def check_ids(ids: list[str]) -> None:
    """Check all ids of a batch at once: a regular expression costs as much as a decision."""
    if not min(map(len, ids)) or max(map(len, ids)) > _ID_SIZE_MAX:
        raise Unfit
    if "".join(ids).encode().translate(None, _ID_BYTES):
        raise Unfit


def read_tokens(texts: list[str]) -> list[bytes]:
    """The tokens that an outbox sends as 32 hexadecimal digits each, all of a batch at once."""
    size = 2 * _TOKEN_BYTES
    if min(map(len, texts)) != size or max(map(len, texts)) != size:
        raise Unfit
    tokens = bytes.fromhex("".join(texts))
    if len(tokens) != _TOKEN_BYTES * len(texts):  # `fromhex` skips white space
        raise Unfit
    return [tokens[at : at + _TOKEN_BYTES] for at in range(0, len(tokens), _TOKEN_BYTES)]
