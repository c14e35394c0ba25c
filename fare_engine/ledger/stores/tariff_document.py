"""The rules of a tariff as a JSON document, as operators publish it and the ledger keeps it.

Lengths of time stand in the unit that their name ends with, whole or with decimals; money is
integer fen. Version and dates stand beside the document, not in it. Every field must be there but
`note` and `explicit_fares`: what decides fares is written out, so that no later default of the
engine changes history.
"""

import re
from collections.abc import Mapping
from typing import Any

from fare_engine.calendar import ServiceCalendar
from fare_engine.errors import CatalogueInvalid
from fare_engine.field_reader import FieldReader
from fare_engine.network import DistanceBands, Distances, FareTable
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff

SERVICE_DATE_END = "service_date_end"
_TIME_OF_DAY = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")


def to_document(tariff: Tariff) -> dict[str, Any]:
    """The rules of a tariff; `from_document` makes the same tariff of them again."""
    bands = tariff.fares.bands
    cut_minutes = tariff.calendar.cut_minutes
    expiry_ms = tariff.journey_expiry_ms
    return {
        "bands": [{"up_to_m": bound_m, "fare": fare} for bound_m, fare in bands.upper_bounds],
        "further": {"every_m": bands.further_m, "fare": bands.further_fare},
        "explicit_fares": [
            [origin, destination, fare]
            for (origin, destination), fare in sorted(tariff.fares.explicit.items())
        ],
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


def from_document(
    document: Mapping[str, Any],
    *,
    version: int,
    effective_from_ms: int,
    effective_to_ms: int | None,
    distances: Distances,
) -> Tariff:
    """The tariff of a document; CatalogueInvalid names every field that is not as it should be."""
    faults: list[tuple[str, str]] = []
    fields = FieldReader(document, "", faults)
    bands, explicit = _read_bands(fields), _read_explicit(fields)
    tariff = Tariff(
        version=version,
        effective_from_ms=effective_from_ms,
        effective_to_ms=effective_to_ms,
        fares=FareTable(distances, bands, explicit),
        same_station_fare=fields.get_integer("same_station_fare"),
        missing_exit_fare=fields.get_integer("missing_exit_fare"),
        unmatched_exit_opens=_read_unmatched_exit(fields),
        unmatched_exit_fare=fields.get_integer("unmatched_exit_fare"),
        discounts_percent=_read_discounts(fields),
        max_stay_ms=_read_ms(fields, "max_stay_minutes", MINUTE_MS),
        reentry_grace_ms=_read_ms(fields, "reentry_grace_seconds", SECOND_MS),
        reexit_grace_ms=_read_ms(fields, "reexit_grace_seconds", SECOND_MS),
        clock_skew_tolerance_ms=_read_ms(fields, "clock_skew_tolerance_seconds", SECOND_MS),
        ride_code_validity_ms=_read_ms(fields, "ride_code_validity_seconds", SECOND_MS),
        journey_expiry_ms=_read_expiry(fields),
        calendar=_read_calendar(fields),
        note=fields.find_text("note") or "",
    )
    fields.finish()
    if faults:
        raise CatalogueInvalid(faults)
    return tariff


def in_unit(length_ms: int, unit_ms: int) -> int | float:
    """Milliseconds told in seconds or minutes: whole where they are whole."""
    whole, rest = divmod(length_ms, unit_ms)
    return whole if rest == 0 else length_ms / unit_ms


def _read_ms(fields: FieldReader, field: str, unit_ms: int) -> int:
    return round(fields.get_number(field) * unit_ms)


def _read_bands(fields: FieldReader) -> DistanceBands:
    bounds = []
    for band in fields.list_tables("bands"):
        bounds.append((band.get_integer("up_to_m"), band.get_integer("fare")))
        band.finish()
    if not fields.has("bands"):
        fields.fault("bands", "missing; must be a list")
    further = fields.get_table("further")
    bands = DistanceBands(
        tuple(bounds), further.get_integer("every_m"), further.get_integer("fare")
    )
    further.finish()
    return bands


def _read_explicit(fields: FieldReader) -> dict[tuple[str, str], int]:
    fares: dict[tuple[str, str], int] = {}
    for place, row in fields.list_entries("explicit_fares"):
        match row:
            case [str(origin), str(destination), int(fare)] if type(fare) is int:
                if (origin, destination) in fares:
                    fields.fault(place, f"{origin!r} to {destination!r} is there twice")
                fares[origin, destination] = fare
            case _:
                fields.fault(place, 'must be a row ["station_id", "station_id", fen]')
    return fares


def _read_unmatched_exit(fields: FieldReader) -> bool:
    action = fields.get_text("unmatched_exit")
    if action and action not in ("open", "refuse"):
        fields.fault("unmatched_exit", f"must be open or refuse, not {action!r}")
    return action == "open"


def _read_discounts(fields: FieldReader) -> dict[str, int]:
    discounts = fields.get_table("discounts_percent")
    return {code: discounts.get_integer(code) for code in discounts.list_names()}


def _read_expiry(fields: FieldReader) -> int | None:
    if fields.holds("journey_expiry", SERVICE_DATE_END):
        return None
    if not fields.holds_table("journey_expiry"):
        fields.fault("journey_expiry", f'must be "{SERVICE_DATE_END}" or {{"minutes": …}}')
        return None
    expiry = fields.get_table("journey_expiry")
    length_ms = _read_ms(expiry, "minutes", MINUTE_MS)
    expiry.finish()
    return length_ms


def _read_calendar(fields: FieldReader) -> ServiceCalendar:
    cut = fields.get_text("service_date_cut")
    parts = _TIME_OF_DAY.fullmatch(cut)
    if parts is None:
        if cut:
            fields.fault("service_date_cut", f"must be a time of day as 04:00, not {cut!r}")
        return ServiceCalendar(fields.get_text("time_zone"))
    hours, minutes = map(int, parts.groups())
    return ServiceCalendar(fields.get_text("time_zone"), hours * 60 + minutes)
