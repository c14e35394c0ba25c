"""Text tables for the auditor's rule: the format of `tests/fare_engine/rule_table.py`, read anew.

The world is the same (`rule_world.py`), given to the auditor by its documents. Directives of the
auditor's own: `blocked qr:1 08:00` and `code c1 qr:1 08:15:00.000 [forged]`; a tap may show a
code by `code=c1` (the engine verifies) or `code_id=c1` (the gate did).
"""

from dataclasses import dataclass, field
from typing import Any

from api.contract.times import format_ms
from fare_engine.documents import (
    gate_document,
    mode_document,
    policy_document,
    suspension_document,
    tariff_document,
)
from fare_engine.modes import MODES_BY_CODE
from simulator.auditor.branch import Branch, Known
from simulator.auditor.fares import Tracks
from simulator.auditor.published import Published
from simulator.auditor.requests import RideCode, read_tap
from simulator.auditor.rule import Ruling
from simulator.publications import describe_block
from tests.fare_engine.rule_words import ZONE, read_moment, read_number
from tests.fare_engine.rule_world import World

SEGMENTS = [("FHY", "JRC", 5_000), ("JRC", "XP", 39_000), ("FHY", "XP", 45_000)]
_MEDIA = [{"type": code, "id_pattern": ".+"} for code in ("tianfutong", "qr", "token")]
_MARKS = {True: "+", False: "-", None: "."}


def check(table: str) -> None:
    """Decide the taps of a table, and compare with what stands behind the bars."""
    run = _Run()
    for number, line in enumerate(table.splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text:
            run.read_line(text, number)


@dataclass
class _Run:
    world: World = field(default_factory=World)
    branches: dict[str, Branch] = field(default_factory=dict)
    blocked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, RideCode] = field(default_factory=dict)
    published: Published | None = None

    def read_line(self, text: str, number: int) -> None:
        if "|" not in text:
            self.published = None
            self._change(text.split())
            return
        left, _, right = text.partition("|")
        expected = _read_expected(right.split(), self.world)
        ruled = self._decide(left.split(), number)
        if ruled["policy"] == 0:  # an answer names no policy where none was read, these tables do
            expected.pop("policy", None)
        wrong = {name: ruled[name] for name, value in expected.items() if ruled[name] != value}
        assert not wrong, f"line {number}: {text}\nthe auditor says {wrong}"

    def _change(self, words: list[str]) -> None:
        day = self.world.day
        match words:
            case ["blocked", medium, time]:
                self.blocked.append(describe_block(medium, read_moment(time, day), ZONE))
            case ["code", code_id, medium, issued_at, *forged]:
                medium_id = medium.partition(":")[2]
                issued_ms = read_moment(issued_at, day)
                self.codes[code_id] = RideCode(medium_id, issued_ms, code_id, not forged)
            case _:
                self.world.change(words)

    def _publish(self, blocked: list[dict[str, str]]) -> Published:
        world = self.world
        document = {
            "gates": [gate_document(gate) for gate in world.gates.values()],
            "media": _MEDIA,
            "policies": [policy_document(policy, ZONE) for policy in world.policies.values()],
            "tariffs": [tariff_document(tariff, ZONE) for tariff in world.tariffs.values()],
            "suspensions": [
                {"station_id": held.station_id} | suspension_document(held, ZONE)
                for held in world.suspensions
            ],
            "degraded_modes": [
                {"station_id": mode.station_id} | mode_document(mode, ZONE) for mode in world.modes
            ],
            "blocked": [*self.blocked, *blocked],
        }
        return Published(document, Tracks(SEGMENTS))

    def _decide(self, words: list[str], number: int) -> dict[str, object]:
        time, gate_id, way, medium, *options = words
        medium_type, _, medium_id = medium.partition(":")
        named = dict(option.split("=") for option in options)
        body: dict[str, Any] = {
            "tap_id": f"tap-{number}",
            "gate_id": gate_id,
            "direction": {"in": "entry", "out": "exit"}[way],
            "medium": {"type": medium_type, "id": medium_id},
            "occurred_at": format_ms(read_moment(time, self.world.day), ZONE),
        }
        if "offline" in named:
            body["offline"] = {"gate_action_taken": named["offline"], "fare_taken": 0}
        if "code" in named:
            body["medium"] = {"type": medium_type, "code": named["code"]}
        if "code_id" in named:
            body["medium"]["code_id"] = named["code_id"]
        blocked = (
            [describe_block(medium, 0, ZONE)] if named.get("refusal") == "medium_blocked" else []
        )
        if self.published is None or blocked:
            self.published = self._publish(blocked)
        ask = read_tap(body, self.codes, None)
        branch = self.branches.setdefault(medium, Branch())
        known = branch.decide(ask, self.published, None).known
        self.published = None if blocked else self.published
        assert known is not None
        return _describe(known, branch)


def _read_expected(words: list[str], world: World) -> dict[str, object]:
    reason, *rest = words
    numbers = [word for word in rest if word.isdecimal()]
    conditions = [word for word in rest if set(word) <= set("+-.")]
    expected: dict[str, object] = {
        "reason": reason,
        "fare": int(numbers[0]) if numbers else 0,
        "waived": int(numbers[1]) if len(numbers) > 1 else 0,
    }
    if conditions:
        expected["conditions"] = conditions[0]
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            continue
        if name == "entry":
            expected[name] = read_moment(value, world.day)
        elif value.isdecimal():
            expected[name] = read_number(value, world.day)
        else:
            expected[name] = value
    return expected


def _describe(known: Known, branch: Branch) -> dict[str, object]:
    ruling = known.ruling
    assert ruling is not None
    return {
        "reason": ruling.reason,
        "fare": ruling.fare,
        "waived": ruling.fare_waived,
        "conditions": "".join(_MARKS[kept] for kept in ruling.conditions) or ".....",
        "gate": "open" if ruling.gate_action == "open" else "shut",
        "closing": {"none": "nothing"}.get(ruling.found, ruling.found),
        "incomplete": ruling.incomplete_fare,
        "policy": ruling.policy_version or 0,
        "tariff": ruling.tariff_version or 0,
        "entry": _entered_ms(ruling, branch),
        "modes": ",".join(mode for mode in MODES_BY_CODE if mode in ruling.modes),
    }


def _entered_ms(ruling: Ruling, branch: Branch) -> int | None:
    """When the journey that the tap found was entered."""
    fact = ruling.fact
    if fact is not None and fact.consumed is not None:
        return fact.consumed.at_ms
    entries = [one.at_ms for one in branch.facts if one.direction == "entry" and one is not fact]
    return entries[-1] if entries and ruling.found != "none" else None
