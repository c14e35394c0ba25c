"""Reads the rules of a tariff from the document that `fare_engine.documents` makes of them.

Version and dates stand beside the document, not in it. Every field must be there but
`note` and `explicit_fares`: what decides fares is written out, so that no later default of the
engine changes history.
"""

import re
from collections.abc import Mapping
from typing import Any

from fare_engine.calendar import ServiceCalendar
from fare_engine.documents import SERVICE_DATE_END
from fare_engine.errors import CatalogueInvalid
from fare_engine.field_reader import FieldReader
from fare_engine.network import NO_BANDS, DistanceBands, Distances, FareTable
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff

_TIME_OF_DAY = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")


def from_document(
    document: Mapping[str, Any],
    *,
    version: int,
    effective_from_ms: int,
    effective_to_ms: int | None,
    distances: Distances,
    explicit: Mapping[tuple[str, str], int] | None = None,
) -> Tariff:
    """The tariff of a document; CatalogueInvalid names every field that is not as it should be.

    `explicit` are its explicit fares where they do not stand in it.
    """
    faults: list[tuple[str, str]] = []
    fields = FieldReader(document, "", faults)
    bands = _read_bands(fields)
    if explicit is None:
        explicit = _read_explicit(fields)
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


def _read_ms(fields: FieldReader, field: str, unit_ms: int) -> int:
    return round(fields.get_number(field) * unit_ms)


def _read_bands(fields: FieldReader) -> DistanceBands:
    bounds = []
    for band in fields.list_tables("bands"):
        bounds.append((band.get_integer("up_to_m"), band.get_integer("fare")))
        band.finish()
    if not fields.has("bands"):
        fields.fault("bands", "missing; must be a list")
    if not bounds and not fields.holds_table("further"):
        return NO_BANDS
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
