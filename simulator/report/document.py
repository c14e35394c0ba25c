"""What a run came to, as one JSON document; text and HTML are made of it and of nothing else."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np

from simulator import machine
from simulator.delivery.checking import Check, Faults
from simulator.delivery.exchanges import Auditor, Exchanges
from simulator.delivery.figures import Figures
from simulator.world.intentions import INTENTIONS
from simulator.world.times import DAY_MS, ZONE
from simulator.world.world import World

DAY_SLOT_MS: Final = 15 * 60_000


class Delivery(Protocol):
    """What brought the taps to the engine."""

    exchanges: Exchanges
    errors: Faults


def make_document(
    about: dict[str, Any],
    world: World,
    check: Check,
    delivery: Delivery,
    figures: Figures | None,
    auditor: Auditor | None,
) -> dict[str, Any]:
    """All of a run. `about` says what was run, and how."""
    audited = auditor(delivery.exchanges) if auditor else None
    wrong, errors = check.wrong.document(), delivery.errors.document()
    undecided = len(world) - check.taps
    return {
        "passed": not wrong["count"]
        and not errors["count"]
        and not undecided
        and (audited is None or audited.passed),
        **about,
        "machine": machine.describe(),
        "world": describe_world(world),
        "taps": {"sent": len(world), "decided": check.taps, "undecided": undecided},
        "sent_again": check.again,
        "errors": errors,
        "wrong": wrong,
        "audit": audited._asdict() if audited else None,
        "exchanges": {
            "count": delivery.exchanges.count,
            "kept": delivery.exchanges.kept,
        },
        "latency_ms": figures.latency.document() if figures else None,
        "lateness_ms": figures.lateness.document() if figures else None,
        "latency_curve": figures.latency.list_curve() if figures else [],
        "stretches": figures.list_stretches() if figures else [],
        "outcomes": check.list_outcomes(),
        "intentions": check.list_intentions(),
        "money": {"fare": check.fare, "fare_waived": check.fare_waived, "currency": "CNY"},
    }


def describe_world(world: World) -> dict[str, Any]:
    """Which taps these were: the same fingerprint, the same taps."""
    metro = world.metro
    return {
        "seed": world.seed,
        "passengers": world.passengers,
        "taps": len(world),
        "fingerprint": world.fingerprint(),
        "stations": len(metro.stations),
        "gates": len(metro.gate_ids),
        "crossing_lanes": [metro.stations[station].name for station in metro.lanes],
        "left_out": [kind.name for kind in INTENTIONS if not kind.is_possible(metro)],
        "zone": ZONE,
        "by_time": _count_by_time(world),
    }


def _count_by_time(world: World) -> Sequence[dict[str, Any]]:
    """The day's curve: taps by quarter of an hour, from the midnight before the first."""
    if not len(world):
        return []
    zone_ms = 8 * 3_600_000
    midnight_ms = (int(world.due_ms[0]) + zone_ms) // DAY_MS * DAY_MS - zone_ms
    counts = np.bincount((world.due_ms - midnight_ms) // DAY_SLOT_MS).tolist()
    return [
        {"hour": slot * DAY_SLOT_MS / 3_600_000, "taps": count}
        for slot, count in enumerate(counts)
        if count
    ]
