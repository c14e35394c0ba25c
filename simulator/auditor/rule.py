"""What the rule says of one tap, given what is known of its token: the second implementation.

Written from the text of the rule, in its order. Each question is asked anew of the list of facts.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from simulator.auditor import modes as degraded
from simulator.auditor.facts import (
    WAIVED,
    Fact,
    count_waivers,
    find_open_entry,
    is_late,
    is_second_exit,
)
from simulator.auditor.moments import MINUTE_MS
from simulator.auditor.published import Published, Tariff
from simulator.auditor.requests import Ask, Content

CLOCK_AHEAD_MAX_MS: Final = 5 * MINUTE_MS
CONDITIONS: Final = (
    ("station_in_pilot", "station_not_in_pilot"),
    ("medium_eligible", "medium_not_eligible"),
    ("gates_designated", "gate_not_designated"),
    ("within_window", "window_exceeded"),
    ("below_daily_limit", "daily_limit_reached"),
)
"""The conditions of a free crossing, each with the reason that is answered when it fails first."""


class Journey(NamedTuple):
    """What an answer says of a journey."""

    entry_tap_id: str
    entry_station: str
    entered_ms: int
    exit_station: str | None = None
    exited_ms: int | None = None
    elapsed_ms: int | None = None


class Ruling(NamedTuple):
    """What must be answered, and what the explanation must say beside it."""

    outcome: str
    reason: str
    gate_action: str = "open"
    fare: int = 0
    fare_waived: int = 0
    journey: Journey | None = None
    policy_version: int | None = None
    tariff_version: int | None = None
    fact: Fact | None = None
    """The passage, where the gate opens."""
    found: str = "none"
    """What became of the journey that was open."""
    incomplete_fare: int = 0
    conditions: tuple[bool | None, ...] = ()
    modes: frozenset[str] = frozenset()
    """The degraded modes in force at the tap, where it was not turned away."""


class CodeUse(NamedTuple):
    """The tap that used a ride code first."""

    station: str
    direction: str
    at_ms: int


class Scene(NamedTuple):
    """All that a tap is decided by."""

    ask: Ask
    facts: Sequence[Fact]
    published: Published
    tap_id: str
    direction: str
    gate_id: str
    station: str
    at_ms: int
    medium_type: str
    tariff: Tariff
    modes: frozenset[str]


def list_problems(ask: Ask, published: Published, answered_at_ms: int) -> list[str | None]:
    """Why a tap may be answered with an error: any one of these; None is that there is none.

    The engine read its clock some time between the request and the answer, so of a gate's clock
    that was too far ahead at the one and not at the other, both are right.
    """
    content = ask.content
    assert content is not None
    problems: list[str | None] = []
    gate = published.gates.get(content.gate_id)
    if gate is None:
        problems.append("unknown-gate")
    elif content.direction not in gate.directions:
        problems.append("direction-not-allowed")
    pattern = published.media.get(content.medium_type)
    if pattern is None:
        problems.append("unknown-medium")
    elif ask.medium_id is not None and not pattern.fullmatch(ask.medium_id):
        problems.append("medium-id-invalid")
    latest_allowed_ms = content.at_ms - CLOCK_AHEAD_MAX_MS
    if latest_allowed_ms > answered_at_ms:
        problems.append("clock-ahead")
    if not problems:
        in_force = published.tariff_at(content.at_ms) is not None
        problems.append(None if in_force else "no-tariff-in-force")
        if latest_allowed_ms > ask.sent_at_ms:
            problems.append("clock-ahead")
    return problems


def rule(
    ask: Ask,
    facts: Sequence[Fact],
    code_uses: Mapping[str, CodeUse],
    published: Published,
    is_copy: bool,
) -> Ruling:
    """The decision of a tap that can be decided.

    `code_uses` has the ride codes that this token used, `is_copy` says that another used this one.
    """
    content = ask.content
    assert content is not None
    station = published.gates[content.gate_id].station_id
    tariff = published.tariff_at(content.at_ms)
    assert tariff is not None
    modes = published.modes_at(station, content.at_ms)
    scene = Scene(
        ask,
        facts,
        published,
        ask.tap_id,
        content.direction,
        content.gate_id,
        station,
        content.at_ms,
        content.medium_type,
        tariff,
        modes,
    )
    ruling = _decide(scene, _find_refusal(scene, code_uses, is_copy))
    turned_away = ruling.outcome == "refused" and ruling.gate_action == "refuse"
    return ruling if turned_away or not modes else ruling._replace(modes=modes)


def rule_again(
    tap_id: str,
    content: Content,
    facts: Sequence[Fact],
    published: Published,
    modes: frozenset[str] | None,
) -> Ruling:
    """The decision of a tap at its place, where nothing is late and its medium is not asked about.

    `modes` are those that were read at the tap; None where none were, as in quarantine.
    """
    station = published.gates[content.gate_id].station_id
    tariff = published.tariff_at(content.at_ms)
    assert tariff is not None
    scene = Scene(
        Ask(tap_id, content, None),
        facts,
        published,
        tap_id,
        content.direction,
        content.gate_id,
        station,
        content.at_ms,
        content.medium_type,
        tariff,
        published.modes_at(station, content.at_ms) if modes is None else modes,
    )
    return _enter(scene) if scene.direction == "entry" else _leave(scene)


def _decide(scene: Scene, refusal: str | None) -> Ruling:
    """The decision of a tap of which is known what its medium was refused for, if anything."""
    tariff = scene.tariff
    if refusal is not None:
        if degraded.opens_for_refused(scene.modes, scene.direction):
            return Ruling("refused", refusal, tariff_version=tariff.version)
        return Ruling("refused", refusal, "refuse")
    if is_late(scene.facts, scene.at_ms, tariff.tolerance_ms):
        return Ruling("late", "arrived_out_of_order", tariff_version=tariff.version)
    return _enter(scene) if scene.direction == "entry" else _leave(scene)


def _find_refusal(scene: Scene, code_uses: Mapping[str, CodeUse], is_copy: bool) -> str | None:
    ask, tariff = scene.ask, scene.tariff
    if ask.code is not None:
        if not ask.code.valid:
            return "ride_code_invalid"
        fresh_ms = tariff.code_validity_ms + tariff.tolerance_ms
        if abs(scene.at_ms - ask.code.issued_at_ms) > fresh_ms:
            return "ride_code_expired"
    if is_copy:
        return "ride_code_replayed"
    if ask.code_id is not None:
        entering = scene.direction == "entry"
        grace_ms = tariff.reentry_grace_ms if entering else tariff.reexit_grace_ms
        use = code_uses.get(ask.code_id)
        if use is not None:
            here = use.station == scene.station and use.direction == scene.direction
            if not here or scene.at_ms - use.at_ms > grace_ms:
                return "ride_code_replayed"
    content = ask.content
    assert content is not None
    if scene.direction == "entry" and scene.published.is_blocked(content.medium, scene.at_ms):
        return "medium_blocked"
    return None


def _enter(scene: Scene) -> Ruling:
    facts, at_ms = scene.facts, scene.at_ms
    policy = scene.published.policy_at(scene.station, at_ms)
    before = find_open_entry(facts)
    reason, found = "entry_superseded", "superseded"
    if before is None:
        reason, found = "entry_opened", "none"
    elif before.has_expired(at_ms):
        reason, found = "entry_opened", "expired"
    elif (
        before.station == scene.station
        and before.elapsed_ms(at_ms) <= before.tariff.reentry_grace_ms
    ):
        reason, found = "entry_repeated", "replaced"
    incomplete = 0
    if before is not None and found in ("expired", "superseded"):
        if _may_have_left(scene, before):
            found = "excused"
        else:
            incomplete = before.tariff.price(before.tariff.missing_exit_fare, scene.medium_type)
    return Ruling(
        "entered",
        reason,
        journey=Journey(scene.tap_id, scene.station, at_ms),
        policy_version=policy.version if policy else None,
        tariff_version=scene.tariff.version,
        fact=_fact(scene, reason)._replace(
            policy=policy, suspended=scene.published.is_suspended(scene.station, at_ms)
        ),
        found=found,
        incomplete_fare=incomplete,
    )


def _may_have_left(scene: Scene, entry: Fact) -> bool:
    """Whether gates stood open, anywhere, while a journey without its exit was open.

    That is from its entry until this tap, or until just before it expired.
    """
    last_ms = min(scene.at_ms, entry.tariff.expires_at(entry.at_ms) - 1)
    return scene.published.gates_stood_open(entry.at_ms, max(entry.at_ms, last_ms))


def _leave(scene: Scene) -> Ruling:
    facts, at_ms, tariff = scene.facts, scene.at_ms, scene.tariff
    entry = find_open_entry(facts)
    expired = entry is not None and entry.has_expired(at_ms)
    if entry is None or expired:
        found = "left_open" if expired else "none"
        if is_second_exit(facts, scene.station, at_ms, tariff.reexit_grace_ms):
            return _unmatched(scene, "exit_repeated", "open", 0, found)
        action, fare = degraded.unmatched_exit(
            scene.modes, tariff, scene.station, scene.medium_type
        )
        return _unmatched(
            scene, "entry_expired" if expired else "no_open_entry", action, fare, found
        )
    if degraded.EMERGENCY in scene.modes:
        return _charge(scene, entry, degraded.EMERGENCY, 0)._replace(outcome="waived")
    pinned = entry.tariff
    if entry.elapsed_ms(at_ms) > pinned.max_stay_ms and degraded.knows_overstay(scene.modes):
        return _charge(scene, entry, "overstay", pinned.fares.highest_from(scene.station))
    if scene.station != entry.station:
        fare = degraded.other_station_fare(scene.modes, pinned, entry.station, scene.station)
        return _charge(scene, entry, "different_station", fare)
    return _cross(scene, entry)


def _cross(scene: Scene, entry: Fact) -> Ruling:
    """An exit at the station of its entry."""
    held = _hold_conditions(scene, entry)
    failed = [reason for (_, reason), kept in zip(CONDITIONS, held, strict=True) if kept is False]
    fare = entry.tariff.same_station_fare
    if failed:
        ruling = _charge(scene, entry, failed[0], fare)
    else:
        ruling = _charge(scene, entry, WAIVED, 0)._replace(
            outcome="waived", fare_waived=entry.tariff.price(fare, scene.medium_type)
        )
    policy = entry.policy
    return ruling._replace(
        policy_version=policy.version if policy else None, conditions=tuple(held)
    )


def _hold_conditions(scene: Scene, entry: Fact) -> list[bool | None]:
    """Whether each condition held; None where there is no policy to ask."""
    policy = entry.policy
    if policy is None:
        return [False, None, None, None, None]
    waivers = count_waivers(scene.facts, entry.service_date, entry.at_ms)
    return [
        not entry.suspended,
        scene.medium_type in policy.media,
        {entry.gate_id, scene.gate_id} <= policy.designated_gates,
        entry.elapsed_ms(scene.at_ms) <= policy.window_ms,
        policy.daily_limit is None or waivers < policy.daily_limit,
    ]


def _charge(scene: Scene, entry: Fact, reason: str, fare: int) -> Ruling:
    """An exit that consumes its entry."""
    at_ms = scene.at_ms
    return Ruling(
        "charged",
        reason,
        fare=entry.tariff.price(fare, scene.medium_type),
        journey=Journey(
            entry.tap_id,
            entry.station,
            entry.at_ms,
            scene.station,
            at_ms,
            entry.elapsed_ms(at_ms),
        ),
        tariff_version=entry.tariff.version,
        fact=_fact(scene, reason, entry),
        found="consumed",
    )


def _unmatched(scene: Scene, reason: str, action: str, fare: int, found: str) -> Ruling:
    return Ruling(
        "unmatched",
        reason,
        action,
        fare,
        tariff_version=scene.tariff.version,
        fact=_fact(scene, reason),
        found=found,
    )


def _fact(scene: Scene, reason: str, consumed: Fact | None = None) -> Fact:
    facts, at_ms = scene.facts, scene.at_ms
    return Fact(
        scene.tap_id,
        scene.direction,
        scene.station,
        scene.gate_id,
        at_ms,
        reason,
        max(at_ms, facts[-1].clock_ms) if facts else at_ms,
        scene.tariff,
        consumed=consumed,
    )
