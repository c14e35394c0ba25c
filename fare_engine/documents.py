"""Gates, media, policies, suspensions, modes, tariffs and issuers as documents of the contract.

The field names stand here once: answers of the API, parameters of controllers, entries of the
audit and what the simulator's auditor reads are made of these. Lengths of time stand in the unit
that their name ends with, whole or with decimals; money is integer fen; instants are written in
a time zone.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Any, Final

from fare_engine.issuer import IssuerKey, group_by_issuer
from fare_engine.modes import DegradedMode
from fare_engine.network import DIRECTION_WORDS, NO_BANDS, Gate, MediumType, Name
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff
from fare_engine.times import format_ms
from fare_engine.versions import ALWAYS_MS

Document = dict[str, Any]

PAIRS_SHOWN_MAX: Final = 100
"""More explicit fares than that are shown only where one version is asked for."""

SERVICE_DATE_END: Final = "service_date_end"
"""The `journey_expiry` of a tariff whose journeys last until their service date ends."""


def name_document(name: Name) -> Document:
    """A name in both languages."""
    return {"zh": name.zh, "en": name.en}


def list_directions(gate: Gate) -> list[str]:
    """The words for the directions of a gate."""
    return [DIRECTION_WORDS[direction] for direction in sorted(gate.directions)]


def gate_document(gate: Gate) -> Document:
    """A gate, and where it stands."""
    return {
        "gate_id": gate.gate_id,
        "station_id": gate.station_id,
        "exit_id": gate.exit_id,
        "directions": list_directions(gate),
        "controller": gate.controller,
    }


def placement_document(gate: Gate, zone: str) -> Document:
    """A gate, where it stands, and from when on; null: from the beginning."""
    from_ms = gate.effective_from_ms
    since = None if from_ms == -ALWAYS_MS else from_ms
    return {**gate_document(gate), "effective_from": _format_end(since, zone)}


def medium_document(medium: MediumType) -> Document:
    """A kind of medium."""
    return {
        "code": medium.code,
        "name": name_document(medium.name),
        "id_pattern": medium.id_pattern,
    }


def policy_document(policy: Policy, zone: str) -> Document:
    """One version of a station's policy."""
    return {
        "station_id": policy.station_id,
        "version": policy.version,
        "window_seconds": in_unit(policy.window_ms, SECOND_MS),
        "media": sorted(policy.media),
        "designated_gates": sorted(policy.designated_gates),
        "daily_limit": policy.daily_limit,
        "effective_from": format_ms(policy.effective_from_ms, zone),
        "effective_to": _format_end(policy.effective_to_ms, zone),
        "note": policy.note,
    }


def suspension_document(suspension: Suspension, zone: str) -> Document:
    """A stretch of time in which a station's policy is suspended."""
    return {
        "suspended_at": format_ms(suspension.suspended_at_ms, zone),
        "reason": suspension.reason,
        "resumed_at": _format_end(suspension.resumed_at_ms, zone),
    }


def mode_document(mode: DegradedMode, zone: str) -> Document:
    """A stretch of time in which a station is in a degraded mode."""
    return {
        "number": mode.number,
        "mode": mode.mode.codes[0],
        "effective_from": format_ms(mode.effective_from_ms, zone),
        "effective_to": _format_end(mode.effective_to_ms, zone),
        "reason": mode.reason,
    }


def tariff_document(tariff: Tariff, zone: str) -> Document:
    """One version of the tariff: its rules, with version and dates beside them.

    The explicit fares are left out where they are many: then `explicit_fares` is None.
    """
    pairs = len(tariff.fares.explicit)
    rules = rules_without_table(tariff)
    if pairs <= PAIRS_SHOWN_MAX:
        rules = rules_document(tariff)
    return {
        "version": tariff.version,
        "effective_from": format_ms(tariff.effective_from_ms, zone),
        "effective_to": _format_end(tariff.effective_to_ms, zone),
        "explicit_pairs": pairs,
        "rules": {"explicit_fares": None} | rules,
    }


def rules_document(tariff: Tariff) -> Document:
    """The rules of a tariff, as operators publish them and the ledger keeps them.

    `ledger.tariff_document.from_document` makes the same tariff of them again.
    """
    explicit = tariff.fares.explicit
    rows = [[origin, to, fare] for (origin, to), fare in sorted(explicit.items())]
    return rules_without_table(tariff) | {"explicit_fares": rows}


def rules_without_table(tariff: Tariff) -> Document:
    """The rules of a tariff but for its explicit fares, which may be a hundred thousand."""
    bands = tariff.fares.bands
    cut_minutes = tariff.calendar.cut_minutes
    expiry_ms = tariff.journey_expiry_ms
    return {
        "bands": [{"up_to_m": bound_m, "fare": fare} for bound_m, fare in bands.upper_bounds],
        "further": None
        if bands == NO_BANDS
        else {"every_m": bands.further_m, "fare": bands.further_fare},
        "same_station_fare": tariff.same_station_fare,
        "missing_exit_fare": tariff.missing_exit_fare,
        "unmatched_exit": "open" if tariff.unmatched_exit_opens else "refuse",
        "unmatched_exit_fare": tariff.unmatched_exit_fare,
        "discounts_percent": dict(sorted(tariff.discounts_percent.items())),
        "max_stay_minutes": in_unit(tariff.max_stay_ms, MINUTE_MS),
        "reentry_grace_seconds": in_unit(tariff.reentry_grace_ms, SECOND_MS),
        "reexit_grace_seconds": in_unit(tariff.reexit_grace_ms, SECOND_MS),
        "clock_skew_tolerance_seconds": in_unit(tariff.clock_skew_tolerance_ms, SECOND_MS),
        "ride_code_validity_seconds": in_unit(tariff.ride_code_validity_ms, SECOND_MS),
        "journey_expiry": SERVICE_DATE_END
        if expiry_ms is None
        else {"minutes": in_unit(expiry_ms, MINUTE_MS)},
        "service_date_cut": f"{cut_minutes // 60:02}:{cut_minutes % 60:02}",
        "time_zone": tariff.calendar.zone,
        "note": tariff.note,
    }


def issuer_documents(keys: Iterable[IssuerKey], zone: str) -> list[Document]:
    """Every issuer of ride codes, with its keys in the order given."""
    return [
        {"issuer_id": issuer_id, "keys": [key_document(key, zone) for key in its_keys]}
        for issuer_id, its_keys in group_by_issuer(keys).items()
    ]


def key_document(key: IssuerKey, zone: str) -> Document:
    """A public key of an issuer."""
    return {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "public_key": encode_key(key.public_key),
        "valid_from": format_ms(key.valid_from_ms, zone),
        "valid_to": _format_end(key.valid_to_ms, zone),
    }


def encode_key(public_key: bytes) -> str:
    """A public key as text: base64url without padding."""
    return urlsafe_b64encode(public_key).rstrip(b"=").decode()


def in_unit(length_ms: int, unit_ms: int) -> int | float:
    """Milliseconds in seconds or minutes: whole where they are whole."""
    whole, rest = divmod(length_ms, unit_ms)
    return whole if rest == 0 else length_ms / unit_ms


def _format_end(at_ms: int | None, zone: str) -> str | None:
    return None if at_ms is None else format_ms(at_ms, zone)
