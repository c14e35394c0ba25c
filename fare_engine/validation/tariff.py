"""Faults of a tariff: its numbers, and the pairs of stations that it has no fare for."""

from collections import Counter, defaultdict

from fare_engine.catalogue import Catalogue
from fare_engine.network import DistanceBands
from fare_engine.tariff import MINUTE_MS, SECOND_MS, Tariff
from fare_engine.validation.faults import Faults, date_faults, is_time_zone

FARE_MAX = 1_000_000
"""10 000 yuan: a fare above it is a slip of the hand."""

DAY_MINUTES = 24 * 60
MAX_STAY_MINUTES = 2 * DAY_MINUTES
GRACE_SECONDS_MAX = 3_600
TOLERANCE_SECONDS_MAX = 600
VALIDITY_SECONDS_MAX = 600
EXPIRY_MINUTES_MAX = 7 * DAY_MINUTES


def tariff_faults(catalogue: Catalogue, tariff: Tariff) -> Faults:
    """Faults of one version by itself, by the field names of its document."""
    yield from _fare_faults(tariff)
    yield from _band_faults(tariff.fares.bands, has_table=_is_table_whole(catalogue, tariff))
    yield from _explicit_faults(catalogue, tariff)
    yield from _discount_faults(catalogue, tariff)
    yield from _time_faults(tariff)
    yield from date_faults(tariff, catalogue.network.time_zone)
    yield from _unpriced_faults(catalogue, tariff)


def _is_fare(fare: int) -> bool:
    return 0 <= fare <= FARE_MAX


def _fare_faults(tariff: Tariff) -> Faults:
    fares = {
        "same_station_fare": tariff.same_station_fare,
        "missing_exit_fare": tariff.missing_exit_fare,
        "unmatched_exit_fare": tariff.unmatched_exit_fare,
    }
    for field, fare in fares.items():
        if not _is_fare(fare):
            yield field, f"must be between 0 and {FARE_MAX} fen, not {fare}"


def _is_table_whole(catalogue: Catalogue, tariff: Tariff) -> bool:
    """Whether there are as many explicit fares as pairs of stations."""
    stations = len(catalogue.stations)
    return len(tariff.fares.explicit) == stations * (stations - 1)


def _band_faults(bands: DistanceBands, *, has_table: bool) -> Faults:
    if not bands.upper_bounds:
        if not has_table:
            yield "bands", "must hold at least one band, unless explicit_fares has every pair"
        return
    previous_m, previous_fare = 0, 0
    for number, (bound_m, fare) in enumerate(bands.upper_bounds, start=1):
        if bound_m <= previous_m:
            yield f"bands[{number}].up_to_m", f"must be more than {previous_m}, not {bound_m}"
        if not _is_fare(fare):
            yield f"bands[{number}].fare", f"must be between 0 and {FARE_MAX} fen, not {fare}"
        elif fare < previous_fare:
            yield (
                f"bands[{number}].fare",
                f"must not be less than that of a shorter way, {previous_fare}: {fare}",
            )
        previous_m, previous_fare = bound_m, fare
    if bands.further_m <= 0:
        yield "further.every_m", f"must be more than 0, not {bands.further_m}"
    if not _is_fare(bands.further_fare):
        yield "further.fare", f"must be between 0 and {FARE_MAX} fen, not {bands.further_fare}"


def _explicit_faults(catalogue: Catalogue, tariff: Tariff) -> Faults:
    rows, stations = tariff.fares.table.rows, catalogue.stations.keys()
    unknown = rows.keys() - stations
    for origin, row in rows.items():
        unknown |= row.keys() - stations
        if origin in row:
            yield "explicit_fares", f"from {origin!r} to itself same_station_fare is the fare"
        # Asked of the whole row first: a table has a hundred thousand fares.
        if row and not (_is_fare(min(row.values())) and _is_fare(max(row.values()))):
            for destination, fare in row.items():
                if not _is_fare(fare):
                    yield (
                        "explicit_fares",
                        f"from {origin!r} to {destination!r} must be between 0 and {FARE_MAX} "
                        f"fen, not {fare}",
                    )
    for station_id in sorted(unknown):
        yield "explicit_fares", f"there is no station {station_id!r}"


def _discount_faults(catalogue: Catalogue, tariff: Tariff) -> Faults:
    for code, percent in sorted(tariff.discounts_percent.items()):
        if code not in catalogue.media:
            yield "discounts_percent", f"there is no media type {code!r}"
        if not 0 <= percent <= 100:
            yield "discounts_percent", f"of {code!r} must be between 0 and 100, not {percent}"


def _time_faults(tariff: Tariff) -> Faults:
    lengths = [
        ("max_stay_minutes", tariff.max_stay_ms / MINUTE_MS, 1, MAX_STAY_MINUTES),
        ("reentry_grace_seconds", tariff.reentry_grace_ms / SECOND_MS, 0, GRACE_SECONDS_MAX),
        ("reexit_grace_seconds", tariff.reexit_grace_ms / SECOND_MS, 0, GRACE_SECONDS_MAX),
        (
            "clock_skew_tolerance_seconds",
            tariff.clock_skew_tolerance_ms / SECOND_MS,
            0,
            TOLERANCE_SECONDS_MAX,
        ),
        (
            "ride_code_validity_seconds",
            tariff.ride_code_validity_ms / SECOND_MS,
            1,
            VALIDITY_SECONDS_MAX,
        ),
    ]
    if tariff.journey_expiry_ms is not None:
        expiry = tariff.journey_expiry_ms / MINUTE_MS
        lengths.append(("journey_expiry", expiry, 1, EXPIRY_MINUTES_MAX))
    for field, length, least, most in lengths:
        if not least <= length <= most:
            yield field, f"must be between {least} and {most}, not {length:g}"
    cut_minutes = tariff.calendar.cut_minutes
    if not 0 <= cut_minutes < DAY_MINUTES:
        yield "service_date_cut", f"must be a time of day, not {cut_minutes} minutes past midnight"
    if not is_time_zone(tariff.calendar.zone):
        yield "time_zone", f"there is no time zone {tariff.calendar.zone!r}"


def _unpriced_faults(catalogue: Catalogue, tariff: Tariff) -> Faults:
    """Stations that no fare leads to or from; the fewest that explain every missing pair."""
    station_ids, table = catalogue.stations.keys(), tariff.fares.table
    unreached: dict[str, set[str]] = defaultdict(set)
    for origin in station_ids:
        reached = tariff.fares.distances.get(origin, {}).keys()
        if len(reached) >= len(station_ids):
            continue  # tracks join it to all
        for other in station_ids - reached - table.get_row(origin).keys() - {origin}:
            unreached[origin].add(other)
            unreached[other].add(origin)
    counts = Counter({station: len(others) for station, others in unreached.items()})
    while counts:
        worst = max(counts, key=lambda station: (counts[station], station))
        others = unreached[worst]
        yield (
            "explicit_fares",
            f"station {worst!r} has no fare to or from {_format_some(others)}: "
            "no segments join them, and explicit_fares does not list them",
        )
        for other in others:
            unreached[other].discard(worst)
            counts[other] -= 1
        del counts[worst]
        counts = +counts


def _format_some(station_ids: set[str]) -> str:
    first, *rest = sorted(station_ids)
    return f"{first!r} and {len(rest)} other stations" if rest else repr(first)
