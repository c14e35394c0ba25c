"""Where a conversation takes place: a controller, its gates, and a medium made for the test."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from simulator.gate_kit.talk import Talk

CONTROLLERS_TRIED_MAX: Final = 2_000
GATES_MAX: Final = 100_000
PAGE: Final = 1_000


class NoPlace(Exception):
    """The key speaks for no controller with an entry and an exit."""


@dataclass
class Place:
    """What the steps use; `made` are the tap_ids that were sent."""

    controller_id: str
    parameters: dict[str, Any]
    entry_gate: str
    exit_gate: str
    is_designated: bool
    foreign_gate: str | None
    now: datetime
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    made: list[str] = field(default_factory=list)

    def make_tap(
        self,
        direction: str,
        medium: dict[str, str],
        seconds_ago: float,
        gate_id: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A new tap, so long before the engine's time."""
        gate_id = gate_id or (self.entry_gate if direction == "entry" else self.exit_gate)
        tap_id = f"{gate_id}.{self.run}.{len(self.made) + 1:02}"
        self.made.append(tap_id)
        at = self.now - timedelta(seconds=seconds_ago)
        return {
            "tap_id": tap_id,
            "gate_id": gate_id,
            "direction": direction,
            "medium": medium,
            "occurred_at": at.isoformat(timespec="milliseconds"),
            **more,
        }

    def make_medium(self) -> dict[str, str]:
        """A medium that no passenger has, of a type that this network takes."""
        ids = (f"99{secrets.randbelow(10**14):014}", f"gate-check-{secrets.token_hex(6)}")
        types = sorted(self.parameters["media"], key=lambda it: it["type"] != "tianfutong")
        for type_ in types:
            for medium_id in ids:
                if re.fullmatch(type_["id_pattern"], medium_id):
                    return {"type": type_["type"], "id": medium_id}
        raise NoPlace("no media type of the network takes an id made for tests")


def find_place(talk: Talk, controller_id: str | None) -> Place:
    """The controller that a key speaks for; NoPlace when there is none, or none can be found."""
    gates = _list_gates(talk)
    controllers = sorted({gate["controller"] for gate in gates if gate.get("controller")})
    wanted = [controller_id] if controller_id else controllers[:CONTROLLERS_TRIED_MAX]
    own, parameters, foreign = None, {}, None
    for candidate in [*wanted, *(controllers if controller_id else [])]:
        answer = talk.ask("GET", f"/v1/controllers/{candidate}/parameters")
        if answer.status == 403 and foreign is None:
            foreign = next(it["gate_id"] for it in gates if it["controller"] == candidate)
        is_meant = controller_id in (None, candidate)
        if answer.status == 200 and is_meant and (own is None or _has_policy(answer.body)):
            own, parameters = candidate, answer.body  # of several, one with a pilot shows more
        if own and foreign and (controller_id or _has_policy(parameters)):
            break
    if own is None:
        raise NoPlace(f"the key does not speak for {controller_id or 'any controller'}")
    beat = {"sent_at": "2021-11-24T08:00:00+08:00", "outbox_taps": 0, "gates": []}
    answer = talk.ask("POST", f"/v1/controllers/{own}/heartbeat", beat)
    if answer.status != 200 or not isinstance(answer.body, dict):
        raise NoPlace(f"a heartbeat was answered by {answer.status}")
    now = datetime.fromisoformat(answer.body["received_at"])
    entry, exit_, is_designated = _choose_gates(parameters, now)
    return Place(own, parameters, entry, exit_, is_designated, foreign, now)


def _has_policy(parameters: dict[str, Any]) -> bool:
    return any(station["policies"] for station in parameters["stations"])


def _list_gates(talk: Talk) -> list[dict[str, Any]]:
    gates: list[dict[str, Any]] = []
    path = f"/v1/gates?limit={PAGE}"
    cursor = None
    while True:
        answer = talk.ask("GET", path + (f"&cursor={cursor}" if cursor else ""))
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise NoPlace(f"the gates cannot be listed: {answer.status} {answer.code or ''}")
        gates += answer.body["items"]
        if len(gates) > GATES_MAX:
            raise NoPlace(f"the network has more than {GATES_MAX:,} gates")
        cursor = answer.body["next_cursor"]
        if cursor is None:
            return gates


def _choose_gates(parameters: dict[str, Any], now: datetime) -> tuple[str, str, bool]:
    """An entry and an exit of one station, designated ones where a policy is in force."""
    found: tuple[str, str, bool] | None = None
    for station in parameters["stations"]:
        designated = _find_designated(station, now)
        for is_designated in (True, False):
            ids = [
                next(
                    (
                        gate["gate_id"]
                        for gate in station["gates"]
                        if direction in gate["directions"]
                        and (gate["gate_id"] in designated or not is_designated)
                    ),
                    None,
                )
                for direction in ("entry", "exit")
            ]
            if ids[0] and ids[1]:
                if is_designated:
                    return ids[0], ids[1], True
                found = found or (ids[0], ids[1], False)
    if found is None:
        raise NoPlace("the controller has no station with an entry and an exit")
    return found


def _find_designated(station: dict[str, Any], now: datetime) -> set[str]:
    """The gates of the policy in force; none while it is suspended or a degraded mode runs."""
    stretches = [(it["suspended_at"], it["resumed_at"]) for it in station["suspensions"]]
    stretches += [(it["effective_from"], it["effective_to"]) for it in station["degraded_modes"]]
    if any(_covers(since, until, now) for since, until in stretches):
        return set()
    in_force = [
        policy
        for policy in station["policies"]
        if datetime.fromisoformat(policy["effective_from"]) <= now
    ]
    if not in_force:
        return set()
    latest = max(
        in_force, key=lambda it: (datetime.fromisoformat(it["effective_from"]), it["version"])
    )
    is_over = not _covers(latest["effective_from"], latest["effective_to"], now)
    return set() if is_over or latest["window_seconds"] < 300 else set(latest["designated_gates"])


def _covers(since: str, until: str | None, now: datetime) -> bool:
    is_over = until is not None and datetime.fromisoformat(until) <= now
    return datetime.fromisoformat(since) <= now and not is_over
