"""A demo: one bounded morning, sent as fast as it goes, with every answer held to its intention."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import uvloop

from fare_engine.tariff import MINUTE_MS
from simulator.delivery.checking import Check
from simulator.delivery.exchanges import Auditor, Exchange, Exchanges
from simulator.delivery.figures import Figures
from simulator.delivery.over_http import OverHttp
from simulator.delivery.requests import Controllers, make_requests
from simulator.report.document import make_document
from simulator.report.text import format_report
from simulator.world.chance import Chance
from simulator.world.metro import Metro
from simulator.world.mixes import STATION, apportion
from simulator.world.presenting import Presenter
from simulator.world.times import Between
from simulator.world.world import SHARE_STREAM, World, make_world

PASSENGERS: Final = 1_450
"""Some 3,000 taps."""
FROM_MS: Final = 1_740_956_400_000
"""2025-03-03 07:00 in Chengdu, a Monday."""
TO_MS: Final = FROM_MS + 120 * MINUTE_MS
PASSENGERS_MAX: Final = 50_000
SEED_MAX: Final = 999
CONTROLLERS: Final = Controllers(connections=16)
MIX: Final = {
    **STATION,
    "works at the station": 5,
    "never comes out": 5,
    "stays too long": 5,
    "meets a clock that is far behind": 5,
}
BOUNDS_MINUTES: Final = (1, 2, 3, 5, 10, 15, 20, 30)
BAR_MAX: Final = 40


def make_morning(metro: Metro, seed: int, passengers: int) -> World:
    """A morning at 孵化园: each intention once, and then as often as it is had."""
    chance = Chance(seed, SHARE_STREAM)
    counts = apportion(MIX, metro, passengers - len(MIX), chance)
    return make_world(
        metro, seed, {name: 1 + count for name, count in counts.items()}, Between(FROM_MS, TO_MS)
    )


def send_morning(
    url: str,
    key: str,
    metro: Metro,
    seed: int,
    passengers: int,
    command: str,
    auditor: Auditor,
) -> dict[str, Any]:
    """Send the morning; its report, as `--json` prints it."""
    started = datetime.now(UTC)
    world = make_morning(metro, seed, passengers)
    # No two mornings share a number, so that one directory may see several.
    first = (seed * 2 * PASSENGERS_MAX + passengers) * 2 * PASSENGERS_MAX
    presenter = Presenter(metro, first, f"{seed}.{passengers}")
    check = Check(presenter, blocks=False)
    figures = Figures(0.0)
    delivery = OverHttp(url, presenter, check, figures, Exchanges())
    timetable = ((0.0, tap) for tap in world.taps())
    requests = make_requests(timetable, presenter, key, CONTROLLERS)
    uvloop.run(delivery.send_in_turn(requests, CONTROLLERS.connections))
    taken_s = (datetime.now(UTC) - started).total_seconds()
    exchanges = [exchange for exchange in delivery.exchanges if exchange.path == "/v1/taps"]
    about = {
        "what": "demo",
        "command": command,
        "started_at": started.isoformat(timespec="seconds"),
        "how": f"over HTTP on {CONTROLLERS.connections} connections, each tap a request of its own",
        "seconds": taken_s,
        "warm_up_seconds": 0.0,
        "rate": {"asked": None, "held": check.taps / taken_s},
    }
    report = make_document(about, world, check, delivery, figures, auditor)
    report["crossings"] = _count_by_elapsed(exchanges)
    report["decided_before"] = _count_decided_before(exchanges, started)
    report["explanation"] = _explain(url, key, exchanges, report)
    return report


def format_demo(report: dict[str, Any]) -> str:
    """The report in plain lines."""
    crossings = _format_crossings(report["crossings"])
    lines = ["", "same-station journeys by elapsed time", *crossings, ""]
    if report["explanation"]:
        lines += [*_format_explanation(report["explanation"]), ""]
    if report["decided_before"]:
        lines += [f"{report['decided_before']:,} taps had been decided by a demo before this one"]
    return "\n".join([*lines, format_report(report)])


def _count_by_elapsed(exchanges: list[Exchange]) -> list[dict[str, int | None]]:
    """Journeys that ended where they began, by the time they took; bounds are inclusive."""
    bounds: tuple[int | None, ...] = (*BOUNDS_MINUTES, None)
    counts: Counter[int | None] = Counter()
    for _, journey in _journeys(exchanges):
        if journey["entry_station"] == journey["exit_station"]:
            inside = (
                bound for bound in BOUNDS_MINUTES if journey["elapsed_ms"] <= bound * MINUTE_MS
            )
            counts[next(inside, None)] += 1
    return [{"up_to_minutes": bound, "crossings": counts[bound]} for bound in bounds]


def _journeys(exchanges: list[Exchange]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Journeys that ended, once each, with the tap that ended them."""
    answers = {exchange.body["tap_id"]: exchange.answer for exchange in exchanges}
    for tap_id, answer in answers.items():
        journey = answer.get("journey")
        if journey is not None and journey["elapsed_ms"] is not None:
            yield tap_id, journey


def _count_decided_before(exchanges: list[Exchange], started: datetime) -> int:
    moments = {
        exchange.body["tap_id"]: exchange.answer["decided_at"]
        for exchange in exchanges
        if "decided_at" in exchange.answer
    }
    return sum(datetime.fromisoformat(moment) < started for moment in moments.values())


def _explain(
    url: str, key: str, exchanges: list[Exchange], report: dict[str, Any]
) -> dict[str, Any] | None:
    """Why the passenger who exceeded the window by the least was charged; checked, too."""
    exceeded = {
        tap_id: journey["elapsed_ms"]
        for tap_id, journey in _journeys(
            [
                exchange
                for exchange in exchanges
                if exchange.answer.get("reason") == "window_exceeded"
            ]
        )
    }
    if not exceeded:
        return None
    tap_id = min(exceeded, key=lambda tap_id: exceeded[tap_id])
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=url, headers=headers, trust_env=False) as client:
        explanation: dict[str, Any] = client.get(f"/v1/taps/{tap_id}").raise_for_status().json()
    held = [condition["held"] for condition in explanation["conditions"]]
    if held != ["held", "held", "held", "failed", "held"]:
        report["passed"] = False
        report["wrong"]["count"] += 1
        report["wrong"]["examples"].append(f"{tap_id}: is explained by {held}")
    return explanation


def _format_crossings(crossings: list[dict[str, int | None]]) -> Iterator[str]:
    counts = [stretch["crossings"] or 0 for stretch in crossings]
    highest = max(*counts, 1)
    below = 0
    for stretch, count in zip(crossings, counts, strict=True):
        bound = stretch["up_to_minutes"]
        name = f"≤ {bound} min" if bound else f"> {below} min"
        yield f"{name:>9} {count:>6,} {'█' * -(-BAR_MAX * count // highest)}".rstrip()
        below = bound or below


def _format_explanation(tap: dict[str, Any]) -> Iterator[str]:
    """Why a passenger was charged, as a clerk reads it."""
    entry = tap["entry"]
    yield f"why was this passenger charged? GET /v1/taps/{tap['tap_id']}"
    yield (
        f"  {tap['outcome']} / {tap['reason']}: {tap['fare'] / 100:.2f} {tap['currency']}, by "
        f"policy {tap['policy_version']} and tariff {tap['tariff_version']}"
    )
    yield f"  entry {entry['gate_id']} at {entry['occurred_at']}"
    yield f"  exit  {tap['gate_id']} at {tap['occurred_at']}"
    for condition in tap["conditions"]:
        values = ", ".join(
            f"{name} {_format_value(value)}" for name, value in condition["values"].items()
        )
        yield f"  {condition['held']:<14} {condition['condition']:<18} {values}"


def _format_value(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
