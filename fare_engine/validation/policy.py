"""Faults of a policy: its own numbers, and what it names that is not there."""

from collections.abc import Sequence
from itertools import pairwise

from fare_engine.catalogue import Catalogue
from fare_engine.network import Direction
from fare_engine.policy import DAILY_LIMIT_MAX, Policy, Suspension
from fare_engine.tariff import MINUTE_MS, SECOND_MS
from fare_engine.validation.faults import (
    Faults,
    date_faults,
    format_moment,
    list_stretches,
    meet,
)


def policy_faults(catalogue: Catalogue, policy: Policy) -> Faults:
    """Faults of one version by itself, by the field names of the contract; not of its gates."""
    yield from _window_faults(policy)
    yield from _media_faults(catalogue, policy)
    if policy.daily_limit is not None and not 1 <= policy.daily_limit <= DAILY_LIMIT_MAX:
        yield (
            "daily_limit",
            f"must be between 1 and {DAILY_LIMIT_MAX}, or left out for no limit, "
            f"not {policy.daily_limit}",
        )
    yield from date_faults(policy, catalogue.network.time_zone)


def designation_faults(
    catalogue: Catalogue, policy: Policy, versions: Sequence[Policy], now_ms: int
) -> Faults:
    """Whether the gates that a policy designates are there, and let passengers in and out.

    That is asked of all the time from `now_ms` on in which the policy is in force (`versions` are
    all of its station), and the first instant at which it is not so is named.
    """
    known = [catalogue.gates[name] for name in policy.designated_gates & catalogue.gates.keys()]
    moves_ms = {one.effective_from_ms for gate in known for one in (*gate.earlier, gate)}
    for version, start_ms, end_ms in list_stretches(versions):
        if version is not policy:
            continue
        from_ms = max(start_ms, now_ms if end_ms is None else min(now_ms, end_ms - 1))
        later_ms = {at for at in moves_ms if from_ms < at and (end_ms is None or at < end_ms)}
        for at_ms in sorted({from_ms} | later_ms):
            faults = list(_designation_faults_at(catalogue, policy, at_ms))
            if faults and at_ms in later_ms:
                moment = format_moment(at_ms, catalogue.network.time_zone)
                faults = [(field, f"{message}, from {moment} on") for field, message in faults]
            if faults:
                yield from faults
                break


def _designation_faults_at(catalogue: Catalogue, policy: Policy, at_ms: int) -> Faults:
    directions: set[Direction] = set()
    for gate_id in sorted(policy.designated_gates):
        gate = catalogue.find_gate(gate_id, at_ms)
        if gate is None and gate_id in catalogue.gates:
            yield "designated_gates", f"gate {gate_id!r} does not stand anywhere yet"
        elif gate is None:
            yield "designated_gates", f"there is no gate {gate_id!r}"
        elif gate.station_id != policy.station_id:
            yield "designated_gates", f"gate {gate_id!r} belongs to station {gate.station_id!r}"
        else:
            directions |= gate.directions
    for direction, name in ((Direction.ENTRY, "entry"), (Direction.EXIT, "exit")):
        if direction not in directions:
            yield "designated_gates", f"must name at least one {name} gate of the station"


def is_over(policy: Policy, versions: Sequence[Policy], now_ms: int) -> bool:
    """Whether a version will never be in force again; `versions` are all of its station."""
    ends_ms = [end_ms for other, _, end_ms in list_stretches(versions) if other is policy]
    return all(end_ms is not None and end_ms <= now_ms for end_ms in ends_ms)


def tariff_match_faults(catalogue: Catalogue, policy: Policy, versions: Sequence[Policy]) -> Faults:
    """Whether tariffs are there while the policy is in force, and let its window stand.

    `versions` are all of the station, this one among them: while another has replaced it, its
    window plays no part.
    """
    tariffs = list_stretches(catalogue.tariffs)
    for other, start_ms, end_ms in list_stretches(versions):
        if other is not policy:
            continue
        if tariffs and start_ms < tariffs[0][1]:
            first = format_moment(tariffs[0][1], catalogue.network.time_zone)
            yield "effective_from", f"must not be before the first tariff, in force from {first}"
        for tariff, tariff_start_ms, tariff_end_ms in tariffs:
            if policy.window_ms > tariff.max_stay_ms and meet(
                start_ms, end_ms, tariff_start_ms, tariff_end_ms
            ):
                yield (
                    "window_seconds",
                    f"must not be longer than the longest stay of tariff {tariff.version}, "
                    f"{tariff.max_stay_ms / MINUTE_MS:g} minutes",
                )


def suspension_faults(suspensions: Sequence[Suspension], zone: str) -> Faults:
    """Whether a station's suspensions follow one another."""
    ordered = sorted(suspensions, key=lambda suspension: suspension.suspended_at_ms)
    for suspension in ordered:
        ended_ms = suspension.resumed_at_ms
        if ended_ms is not None and ended_ms < suspension.suspended_at_ms:
            suspended_at = format_moment(suspension.suspended_at_ms, zone)
            yield "resumed_at", f"must not be before suspended_at, {suspended_at}"
    for earlier, later in pairwise(ordered):
        if earlier.resumed_at_ms is None or later.suspended_at_ms < earlier.resumed_at_ms:
            suspended_at = format_moment(earlier.suspended_at_ms, zone)
            yield "suspended_at", f"overlaps the suspension that began {suspended_at}"


def _window_faults(policy: Policy) -> Faults:
    if policy.window_ms <= 0:
        yield "window_seconds", f"must be more than 0, not {policy.window_ms / SECOND_MS:g}"


def _media_faults(catalogue: Catalogue, policy: Policy) -> Faults:
    if not policy.media:
        yield "media", "must name at least one media type"
    for code in sorted(policy.media - catalogue.media.keys()):
        known = ", ".join(sorted(catalogue.media))
        yield "media", f"there is no media type {code!r}; there are {known}"
