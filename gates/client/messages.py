"""The messages of the contract, sent and received."""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gates.errors import AnswerUnreadable

S = TypeVar("S")


class Medium(Struct, frozen=True, omit_defaults=True):
    """A card or account by `id`, any medium by its `token`, or a ride code by `code`."""

    type: str
    id: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    code_id: str | UnsetType = UNSET


class Offline(Struct, frozen=True):
    """What a gate that decided alone did."""

    gate_action_taken: str
    fare_taken: int


class TapMessage(Struct, frozen=True, omit_defaults=True):
    """One tap as it is sent."""

    tap_id: str
    gate_id: str
    direction: str
    medium: Medium
    occurred_at: str
    offline: Offline | UnsetType = UNSET


class ReportMessage(Struct, frozen=True, omit_defaults=True):
    """What the gate did at a tap, and whether the passenger passed."""

    gate_action_taken: str
    fare_taken: int
    passed: bool
    cause: str | UnsetType = UNSET


class GateSkew(Struct, frozen=True):
    """How far a gate's clock is ahead of the engine's."""

    gate_id: str
    clock_skew_ms: int


class Heartbeat(Struct, frozen=True, omit_defaults=True):
    """What a controller reports of itself at intervals."""

    sent_at: str
    outbox_taps: int
    gates: list[GateSkew]
    parameters_version: str | UnsetType = UNSET


class HeartbeatAnswer(Struct, frozen=True):
    """The engine's clock, and the version of its parameters."""

    received_at: str
    parameters_version: str


class Journey(Struct, frozen=True):
    """The journey that a tap opened or closed."""

    entry_tap_id: str
    entry_station: str
    entered_at: str
    exit_station: str | None
    exited_at: str | None
    elapsed_ms: int | None


class Decision(Struct, frozen=True):
    """The engine's decision of one tap; `replayed` when it had been made before."""

    tap_id: str
    outcome: str
    reason: str
    gate_action: str
    fare: int
    fare_waived: int
    currency: str
    journey: Journey | None
    policy_version: int | None
    tariff_version: int | None
    decided_at: str
    clock_suspect: bool = False
    replayed: bool = False

    @property
    def gate_opens(self) -> bool:
        """Whether the gate shall open."""
        return self.gate_action == "open"


class Problem(Struct, frozen=True):
    """Why one tap could not be decided (RFC 9457)."""

    type: str
    status: int
    detail: str = ""

    @property
    def is_of_contract(self) -> bool:
        """Whether the engine says so, and not something in between."""
        return self.type.startswith("/problems/")

    @property
    def code(self) -> str:
        """The stable code at the end of `type`."""
        return self.type.rpartition("/")[2]

    @property
    def is_final(self) -> bool:
        """Whether the tap would be refused again, however often it is sent."""
        return 400 <= self.status < 500 and self.status not in TRY_AGAIN


class _Batch(Struct):
    taps: Sequence[TapMessage]


class _BatchAnswer(Struct):
    results: list[msgspec.Raw]


class _TapProblem(Struct):
    problem: Problem
    tap_id: str | None = None


TRY_AGAIN: Final = frozenset({401, 408, 429})
"""Statuses of 4xx that say nothing about the tap: a refused key, or a busy engine."""

_encode: Final = msgspec.json.encode


def encode(message: Struct) -> bytes:
    """A message as JSON."""
    return _encode(message)


def encode_batch(taps: Sequence[TapMessage]) -> bytes:
    """A batch of taps as JSON."""
    return _encode(_Batch(taps))


def decode(body: bytes, shape: type[S]) -> S:
    """An answer of this shape; AnswerUnreadable when it has another. New fields do no harm."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise AnswerUnreadable(f"the answer is no {shape.__name__}: {error}") from None


def decode_batch(body: bytes, taps: Sequence[TapMessage]) -> list[Decision | Problem]:
    """The results of a batch, one a tap in order."""
    raws = decode(body, _BatchAnswer).results
    if len(raws) != len(taps):
        raise AnswerUnreadable(f"{len(taps)} taps were answered by {len(raws)} results")
    return [_decode_result(raw, tap.tap_id) for raw, tap in zip(raws, taps, strict=True)]


def _decode_result(raw: msgspec.Raw, tap_id: str) -> Decision | Problem:
    """The result of one tap; a problem may leave out of which, since it stands in its place."""
    content = bytes(raw)
    if b'"problem"' in content and b'"outcome"' not in content:
        failed = decode(content, _TapProblem)
        check_tap_id(failed.tap_id or tap_id, tap_id)
        return failed.problem
    decision = decode(content, Decision)
    check_tap_id(decision.tap_id, tap_id)
    return decision


def check_tap_id(answered: str, asked: str) -> None:
    """AnswerUnreadable when an answer is that of another tap than the one that was asked about."""
    if answered != asked:
        raise AnswerUnreadable("the answer is that of another tap")
