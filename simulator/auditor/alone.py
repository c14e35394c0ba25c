"""What a gate did by itself, held to the rule and to what its station knew at that moment.

A medium opens no gate when it is a ride code that is forged, not fresh, or used here before other
than a moment ago in the same direction; nor, at entries, when it is on the block list. In degraded
modes gates stand open for those too. All else that a station cannot know is settled later.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from simulator.auditor import modes as degraded
from simulator.auditor.moments import SECOND_MS, find_moment, read_length_ms, read_moment
from simulator.auditor.requests import RideCode

_CODE_REASONS: Final = ("ride_code_invalid", "ride_code_expired", "ride_code_replayed")


class Use(NamedTuple):
    """A tap at the same station at which a gate opened for the same ride code."""

    direction: str
    at_ms: int


class AloneTap(NamedTuple):
    """A tap that a station decided by itself; `uses` are those of its code before, oldest first."""

    tap_id: str
    direction: str
    at_ms: int
    medium: str
    code: str | None
    opened: bool
    reason: str
    uses: Sequence[Use]


def list_wrong(
    tap: AloneTap, knew: Mapping[str, Any] | None, facts: RideCode | None
) -> list[tuple[str, str]]:
    """How a gate was wrong. `knew` is its station's latest document of parameters, if any."""
    refusals = _list_refusals(tap, knew, facts)
    if refusals and tap.opened and not _stands_open(tap, knew):
        return [("alone-let-through", f"{tap.reason} instead of {' or '.join(refusals)}")]
    # Which keys a station knew is not recorded, so any code may be unverifiable there.
    refused = tap.reason == "medium_blocked" or tap.reason in _CODE_REASONS[1:]
    if refused and tap.reason not in refusals:
        return [("alone-turned-away", f"{tap.reason}, which it is not")]
    return []


def _list_refusals(
    tap: AloneTap, knew: Mapping[str, Any] | None, facts: RideCode | None
) -> list[str]:
    """All that stands against a medium; which reason is named first does not matter here."""
    refusals = []
    if tap.code is not None and (facts is None or not facts.valid):
        refusals.append("ride_code_invalid")
    if knew is None:
        if tap.uses:
            refusals.append("ride_code_replayed")
        return refusals
    rules = knew["tariffs"][-1]["rules"]
    fresh_ms = _read_ms(rules, "ride_code_validity") + _read_ms(rules, "clock_skew_tolerance")
    if facts is not None and abs(tap.at_ms - facts.issued_at_ms) > fresh_ms:
        refusals.append("ride_code_expired")
    grace_ms = _read_ms(rules, "reentry_grace" if tap.direction == "entry" else "reexit_grace")
    if tap.uses:
        first = tap.uses[0]
        if first.direction != tap.direction or tap.at_ms - first.at_ms > grace_ms:
            refusals.append("ride_code_replayed")
    if tap.direction == "entry" and tap.medium in knew["blocked"]:
        refusals.append("medium_blocked")
    return refusals


def _stands_open(tap: AloneTap, knew: Mapping[str, Any] | None) -> bool:
    """Whether a degraded mode lets people pass for whom the gate would stay shut."""
    modes = set()
    for mode in knew["stations"][0]["degraded_modes"] if knew else ():
        ends_ms = find_moment(mode["effective_to"])
        began = read_moment(mode["effective_from"]) <= tap.at_ms
        if began and (ends_ms is None or tap.at_ms < ends_ms):
            modes.add(mode["mode"])
    return degraded.opens_for_refused(frozenset(modes), tap.direction)


def _read_ms(rules: Mapping[str, Any], name: str) -> int:
    return read_length_ms(rules[f"{name}_seconds"], SECOND_MS)
