"""The parameters of a controller: what it needs to decide alone, one version as the engine sent it.

One JSON document with a version, which is the hash of its content: a document that was changed on
its way, or on the disk, is noticed and not used. `gates.station_parameters` keeps them.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from fare_engine.calendar import ServiceCalendar
from fare_engine.id_pattern import IdPattern, compile_id_patterns
from fare_engine.issuer import IssuerKey
from fare_engine.modes import MODES_BY_CODE, DegradedMode
from fare_engine.network import CHENGDU_BANDS, DIRECTIONS, FareTable, Gate, Name
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff
from gates.errors import ParametersInvalid
from gates.times import parse_ms


class _Document(Struct):
    controller_id: str
    version: str
    network: "_Network"
    media: list["_MediumType"]
    stations: list["_Station"]
    tariffs: list["_Tariff"]
    ride_code_issuers: list["_Issuer"]
    blocked: list[str]


class _Network(Struct):
    time_zone: str
    currency: str


class _Name(Struct):
    zh: str
    en: str


class _MediumType(Struct):
    type: str
    name: _Name
    id_pattern: str


class _Gate(Struct):
    gate_id: str
    directions: list[str]
    exit_id: str | None = None


class _Policy(Struct):
    version: int
    window_seconds: float
    media: list[str]
    designated_gates: list[str]
    daily_limit: int | None
    effective_from: str
    effective_to: str | None
    note: str = ""


class _Suspension(Struct):
    suspended_at: str
    resumed_at: str | None
    reason: str = ""


class _Mode(Struct):
    mode: str
    effective_from: str
    effective_to: str | None
    reason: str = ""


class _Station(Struct):
    station_id: str
    name: _Name
    gates: list[_Gate]
    policies: list[_Policy]
    suspensions: list[_Suspension]
    degraded_modes: list[_Mode]
    highest_fares: dict[str, int]
    lowest_fares: dict[str, int]


class _Rules(Struct):
    same_station_fare: int
    missing_exit_fare: int
    unmatched_exit: str
    unmatched_exit_fare: int
    discounts_percent: dict[str, int]
    max_stay_minutes: float
    reentry_grace_seconds: float
    reexit_grace_seconds: float
    clock_skew_tolerance_seconds: float
    ride_code_validity_seconds: float
    journey_expiry: Any
    service_date_cut: str
    time_zone: str


class _Tariff(Struct):
    version: int
    effective_from: str
    effective_to: str | None
    rules: _Rules


class _Key(Struct):
    key_id: str
    algorithm: str
    public_key: str
    valid_from: str
    valid_to: str | None


class _Issuer(Struct):
    issuer_id: str
    keys: list[_Key]


@dataclass(frozen=True, slots=True)
class Parameters:
    """One version of the parameters of one station."""

    version: str
    station_id: str
    station_name: Name
    zone: str
    currency: str
    media: Mapping[str, Name]
    medium_patterns: Mapping[str, IdPattern]
    gates: Mapping[str, Gate]
    policies: tuple[Policy, ...]
    suspensions: tuple[Suspension, ...]
    tariffs: tuple[Tariff, ...]
    modes: tuple[DegradedMode, ...]
    issuer_keys: tuple[IssuerKey, ...]
    blocked: frozenset[bytes]


def parse_parameters(document: bytes, station_id: str) -> Parameters:
    """The parameters of a station in a document. ParametersInvalid says what is wrong with it."""
    try:
        parsed = msgspec.json.decode(document, type=_Document)
        check_version(document)
        for station in parsed.stations:
            if station.station_id == station_id:
                return _convert(parsed, station)
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise ParametersInvalid(f"the parameters cannot be read: {error}") from None
    raise ParametersInvalid(f"the parameters do not contain station {station_id}")


def check_version(document: bytes) -> None:
    """ParametersInvalid when the version is not that of the document's content."""
    members = msgspec.json.decode(document)
    version = members.get("version")
    if version != make_version(members):
        raise ParametersInvalid(f"the parameters are not those of their version {version}")


def make_version(members: Mapping[str, Any]) -> str:
    """The version of a document: the hash of all its other members in canonical form."""
    content = {name: value for name, value in members.items() if name != "version"}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _convert(document: _Document, station: _Station) -> Parameters:
    station_id = station.station_id
    make_tariff = _tariff_maker(station)
    return Parameters(
        version=document.version,
        station_id=station_id,
        station_name=Name(station.name.zh, station.name.en),
        zone=document.network.time_zone,
        currency=document.network.currency,
        media={medium.type: Name(medium.name.zh, medium.name.en) for medium in document.media},
        medium_patterns=compile_id_patterns(
            {medium.type: medium.id_pattern for medium in document.media}
        ),
        gates={gate.gate_id: _convert_gate(gate, station_id) for gate in station.gates},
        policies=tuple(_convert_policy(policy, station_id) for policy in station.policies),
        suspensions=tuple(
            Suspension(
                station_id,
                parse_ms(stretch.suspended_at),
                stretch.reason,
                _find_ms(stretch.resumed_at),
            )
            for stretch in station.suspensions
        ),
        tariffs=tuple(make_tariff(tariff) for tariff in document.tariffs),
        modes=tuple(
            DegradedMode(
                station_id,
                MODES_BY_CODE[mode.mode],
                parse_ms(mode.effective_from),
                mode.reason,
                _find_ms(mode.effective_to),
            )
            for mode in station.degraded_modes
            if mode.mode in MODES_BY_CODE  # a newer engine may know more of them
        ),
        issuer_keys=tuple(
            IssuerKey(
                issuer.issuer_id,
                key.key_id,
                key.algorithm,
                urlsafe_b64decode(key.public_key + "=" * (-len(key.public_key) % 4)),
                parse_ms(key.valid_from),
                _find_ms(key.valid_to),
            )
            for issuer in document.ride_code_issuers
            for key in issuer.keys
        ),
        blocked=frozenset(map(bytes.fromhex, document.blocked)),
    )


def _convert_gate(gate: _Gate, station_id: str) -> Gate:
    directions = frozenset(DIRECTIONS[word] for word in gate.directions)
    return Gate(gate.gate_id, station_id, directions, gate.exit_id)


def _convert_policy(policy: _Policy, station_id: str) -> Policy:
    return Policy(
        station_id,
        policy.version,
        round(policy.window_seconds * SECOND_MS),
        frozenset(policy.media),
        frozenset(policy.designated_gates),
        parse_ms(policy.effective_from),
        _find_ms(policy.effective_to),
        policy.daily_limit,
        policy.note,
    )


def _tariff_maker(station: _Station) -> Callable[[_Tariff], Tariff]:
    def make(tariff: _Tariff) -> Tariff:
        rules = tariff.rules
        hours, minutes = map(int, rules.service_date_cut.split(":"))
        expiry = rules.journey_expiry
        station_id, version = station.station_id, str(tariff.version)
        # Of the fare table a station's own taps need the dearest pair, for overstay, and the
        # cheapest, for degraded modes.
        fares = {
            (station_id, "dearest"): station.highest_fares[version],
            (station_id, "cheapest"): station.lowest_fares[version],
        }
        return Tariff(
            tariff.version,
            parse_ms(tariff.effective_from),
            FareTable({}, CHENGDU_BANDS, fares),
            _find_ms(tariff.effective_to),
            same_station_fare=rules.same_station_fare,
            missing_exit_fare=rules.missing_exit_fare,
            unmatched_exit_opens=rules.unmatched_exit == "open",
            unmatched_exit_fare=rules.unmatched_exit_fare,
            discounts_percent=rules.discounts_percent,
            max_stay_ms=round(rules.max_stay_minutes * MINUTE_MS),
            reentry_grace_ms=round(rules.reentry_grace_seconds * SECOND_MS),
            reexit_grace_ms=round(rules.reexit_grace_seconds * SECOND_MS),
            clock_skew_tolerance_ms=round(rules.clock_skew_tolerance_seconds * SECOND_MS),
            ride_code_validity_ms=round(rules.ride_code_validity_seconds * SECOND_MS),
            journey_expiry_ms=(
                round(expiry["minutes"] * MINUTE_MS) if isinstance(expiry, dict) else None
            ),
            calendar=ServiceCalendar(rules.time_zone, hours * 60 + minutes),
        )

    return make


def _find_ms(text: str | None) -> int | None:
    return None if text is None else parse_ms(text)
