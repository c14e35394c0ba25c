"""Reads taps from the bytes of a request, fast.

It accepts and refuses the same as `api.wire.strict_json` and `api.contract.taps`. What does not fit
at once is read again by those, exactly, and they say what is wrong with every field.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from pydantic import TypeAdapter, ValidationError

from api.contract.problems import Refused
from api.contract.taps import (
    CODE_ID_PATTERN,
    FARE_MAX,
    MEDIUM_ID_MAX,
    RIDE_CODE_MAX,
    TapRequest,
)
from api.contract.times import parse_rfc3339
from api.wire.shapes import (
    BATCH,
    BATCH_QUOTES,
    BATCH_TAPS_MAX,
    DIRECTIONS,
    PLAIN_QUOTES,
    TAP,
    UNREADABLE,
    Unfit,
    WireMedium,
    WireOffline,
    WireTap,
    convert_plain,
    count_quotes,
    is_id,
    read_tokens,
)
from api.wire.strict_json import Place, find_repeated_key, name_place, read_grammar, read_json
from api.wire.unknown_names import NumberAsGate, UnknownNames
from fare_engine.batch import BlockedCodeId, CodeId, Finding
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import MediumIdInvalid, UnknownMedium
from fare_engine.published import Published
from fare_engine.tap import Report, Tap

FAULTS_MAX: Final = 50
"""Faults listed of one tap: a body may have thousands."""

_is_code_id: Final = re.compile(CODE_ID_PATTERN).fullmatch
_NO_GATE: Final = "gate_id", "no gate has this id, and it looks like a card number"
_ACTIONS: Final = {"open": True, "refuse": False}

Read = tuple[Tap, Finding | None]
ReadCode = Callable[[str, str, int, Catalogue], tuple[bytes, Finding]]
"""What `api.wire.ride_codes.RideCodeReader.read` does."""


class _RawBatch(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    taps: list[msgspec.Raw]


_RAW_BATCH: Final = msgspec.json.Decoder(_RawBatch)
_MODEL: Final = TypeAdapter(TapRequest)


class TapReader:
    """Turns the bytes of a request into taps with tokens; card numbers go no further."""

    def __init__(self, make_token: Callable[[str, str], bytes], read_code: ReadCode) -> None:
        self._make_token = make_token
        self._read_code = read_code
        self._unknown = UnknownNames(make_token)

    def read_tap(self, body: bytes, published: Published) -> Read:
        """The tap of a body; Refused says what is wrong with it."""
        try:
            wire = TAP.decode(body)
            if body.count(b'"') != count_quotes(wire):
                raise Unfit
            tap, finding = self._convert(wire, published.catalogue)
        except UNREADABLE:
            tap, finding = self._read_exactly(body, published.catalogue)
        if _is_blocked(tap, published.blocked):
            return tap, _block(finding)
        return tap, finding

    def read_batch(self, body: bytes, published: Published) -> "BatchRead":
        """The taps of a batch in order; one that does not fit is refused alone."""
        read = BatchRead()
        try:
            wires = BATCH.decode(body).taps
            check_size(len(wires))
            taps = convert_plain(wires, published.catalogue)
            if taps is None:
                _check_quotes(body, sum(map(count_quotes, wires)))
                self._convert_all(wires, published.catalogue, read)
            else:
                _check_quotes(body, PLAIN_QUOTES * len(wires))
                read.taps = taps
        except UNREADABLE:
            return self._read_one_by_one(body, published)
        if published.blocked:
            for place, tap in enumerate(read.taps):
                if _is_blocked(tap, published.blocked):
                    read.findings[place] = _block(read.findings.get(place))
        return read

    def _convert_all(self, wires: list[WireTap], catalogue: Catalogue, read: "BatchRead") -> None:
        for wire in wires:
            tap, finding = self._convert(wire, catalogue)
            if finding is not None:
                read.findings[len(read.taps)] = finding
            read.taps.append(tap)

    def _read_exactly(self, body: bytes, catalogue: Catalogue) -> Read:
        """A tap whose bytes need more than one look: odd spellings, and all that is wrong."""
        text = read_json(body)
        try:
            return self._convert(TAP.decode(text), catalogue)
        except NumberAsGate:
            raise Refused("invalid-request", "the tap is not kept", [_NO_GATE]) from None
        except UNREADABLE:
            raise _explain(text) from None

    def _read_one_by_one(self, body: bytes, published: Published) -> "BatchRead":
        """Every tap for itself: a key that stands twice within one is that tap's fault alone."""
        text = read_grammar(body)
        twice = find_repeated_key(text)
        if twice is not None and not _is_within_tap(twice):
            raise Refused("malformed-json", f"the key {name_place(twice)} stands more than once")
        try:
            raws = _RAW_BATCH.decode(text).taps
        except msgspec.ValidationError as error:
            raise Refused(
                "invalid-request", "the body must be one list of taps", [("taps", str(error))]
            ) from None
        check_size(len(raws))
        read = BatchRead()
        for place, raw in enumerate(raws):
            try:
                tap, finding = self.read_tap(bytes(raw), published)
            except Refused as refused:
                read.bad[place] = _find_tap_id(raw), refused
            else:
                if finding is not None:
                    read.findings[len(read.taps)] = finding
                read.taps.append(tap)
        return read

    def _convert(self, wire: WireTap, catalogue: Catalogue) -> Read:
        tap_id, gate_id, medium = wire.tap_id, wire.gate_id, wire.medium
        if is_id(tap_id) is None:
            raise Unfit
        if gate_id not in catalogue.gates:
            gate_id = self._unknown.name_gate(gate_id, is_kept=wire.offline is not None)
        occurred_at_ms = parse_rfc3339(wire.occurred_at)
        medium_type, medium_id, token_text = medium.type, medium.id, medium.token
        fits = catalogue.medium_patterns.get(medium_type)
        finding: Finding | None = None
        named = medium_type
        if fits is None:
            named = self._unknown.name_medium(medium_type)
            finding = UnknownMedium(f"there is no medium type {named!r}")
        if token_text is not None:
            if not medium_id is medium.code is None:
                raise Unfit
            (token,) = read_tokens([token_text])
        elif medium_id is not None and medium.code is None:
            if not 0 < len(medium_id) <= MEDIUM_ID_MAX:
                raise Unfit
            token = self._make_token(medium_type, medium_id)
            if fits is not None and not fits(medium_id):
                finding = MediumIdInvalid(f"the id does not fit a medium of type {medium_type}")
        else:
            code = _get_ride_code(medium)
            token, finding = self._read_code(code, tap_id, occurred_at_ms, catalogue)
        if medium.code_id is not None:
            finding = _read_code_id(medium.code_id, finding)
        report = None if wire.offline is None else _convert_report(wire.offline)
        direction = DIRECTIONS[wire.direction]
        tap = Tap(tap_id, gate_id, direction, named, token, occurred_at_ms, report)
        return tap, finding


class BatchRead:
    """What a batch holds: taps in order, with findings by their place among them.

    `bad` holds, by place in the request, the tap_id and what is wrong with the tap.
    """

    __slots__ = ("bad", "findings", "taps")

    def __init__(self) -> None:
        self.taps: list[Tap] = []
        self.findings: dict[int, Finding] = {}
        self.bad: dict[int, tuple[str | None, Refused]] = {}


def check_size(taps: int) -> None:
    """Refuse a batch without taps, or with too many."""
    if not 1 <= taps <= BATCH_TAPS_MAX:
        message = f"must hold 1 to {BATCH_TAPS_MAX} taps, not {taps}"
        raise Refused("invalid-request", "the batch has the wrong size", [("taps", message)])


def _is_within_tap(place: Place) -> bool:
    return len(place) > 2 and place[0] == "taps" and isinstance(place[1], int)


def _check_quotes(body: bytes, quotes: int) -> None:
    """Unfit when a body has other quotation marks than its taps and the key of their list."""
    if body.count(b'"') != BATCH_QUOTES + quotes:
        raise Unfit


def _is_blocked(tap: Tap, blocked: Mapping[bytes, int]) -> bool:
    """Whether the medium was blocked when it was tapped; at exits the rule ignores it."""
    since_ms = blocked.get(tap.token)
    return since_ms is not None and since_ms <= tap.occurred_at_ms


def _block(finding: Finding | None) -> Finding:
    """What is found of a blocked medium: errors and refusals of its ride code come first."""
    if finding is None:
        return Reason.MEDIUM_BLOCKED
    return BlockedCodeId(finding) if isinstance(finding, CodeId) else finding


def _convert_report(offline: WireOffline) -> Report:
    opened = _ACTIONS.get(offline.gate_action_taken)
    if opened is None or not 0 <= offline.fare_taken <= FARE_MAX:
        raise Unfit
    return Report(opened, offline.fare_taken)


def _get_ride_code(medium: WireMedium) -> str:
    code = medium.code
    if (
        code is None
        or medium.id is not None
        or medium.code_id is not None
        or medium.type != "qr"
        or not 1 <= len(code) <= RIDE_CODE_MAX
    ):
        raise Unfit
    return code


def _read_code_id(code_id: str, finding: Finding | None) -> Finding | None:
    """The id of a ride code that the gate verified, unless something else was found."""
    if _is_code_id(code_id) is None:
        raise Unfit
    return CodeId(code_id) if finding is None else finding


def _explain(text: bytes) -> Refused:
    """What is wrong with a tap, field by field, as the models of the contract see it."""
    try:
        _MODEL.validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return Refused(
            "invalid-request",
            "the tap does not fit the contract",
            [(_field(fault["loc"]), fault["msg"]) for fault in faults[:FAULTS_MAX]],
        )
    return Refused("malformed-json", "the body is not JSON in UTF-8")


def _field(place: Iterable[int | str]) -> str:
    """The name of a field as a gate maker writes it; the forms of a medium are no part of it."""
    return ".".join(str(part) for part in place if part not in ("by_id", "by_token", "by_code"))


def _find_tap_id(raw: msgspec.Raw) -> str | None:
    """The tap_id of a tap that cannot be read, if that much can be, and is one."""
    place = find_repeated_key(bytes(raw))
    if place is not None and len(place) == 1:
        return None
    try:
        tap_id = msgspec.json.decode(raw).get("tap_id")
    except (msgspec.MsgspecError, UnicodeError, RecursionError, AttributeError):
        return None
    return tap_id if isinstance(tap_id, str) and is_id(tap_id) else None
