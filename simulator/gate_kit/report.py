"""What a conversation came to, as text for a terminal and as JSON for programs."""

from collections.abc import Iterator
from typing import Any

from simulator.gate_kit.place import Place
from simulator.gate_kit.talk import BROKEN, KEPT, LEFT_OUT, Step


def make_document(url: str, steps: list[Step], place: Place | None) -> dict[str, Any]:
    """The whole as JSON; `passed` when the server kept the contract at every step."""
    verdicts = [step.verdict for step in steps]
    return {
        "url": url,
        "passed": place is not None and BROKEN not in verdicts,
        "kept": verdicts.count(KEPT),
        "broken": verdicts.count(BROKEN),
        "left_out": verdicts.count(LEFT_OUT),
        "controller_id": place.controller_id if place else None,
        "tap_ids": place.made if place else [],
        "steps": [step._asdict() for step in steps],
    }


def format_document(document: dict[str, Any]) -> str:
    """A paragraph a step: what was asked, what came, and what a client does then."""
    return "\n".join(_format(document))


def _format(document: dict[str, Any]) -> Iterator[str]:
    for step in document["steps"]:
        yield f"{step['verdict']:<8}  {step['name']}"
        if step["verdict"] == LEFT_OUT:
            yield f"          {step['why']}"
            continue
        yield f"          {step['request']} → {step['status']} {step['answer']}"
        if step["why"]:
            yield f"          {step['why']}"
        yield f"          {step['standing']}: {step['client']}"
    yield ""
    counts = (document["kept"], document["broken"], document["left_out"])
    yield "{} steps kept the contract, {} broke it, {} were left out.".format(*counts)
    tap_ids = document["tap_ids"]
    if tap_ids:
        yield f"Made {len(tap_ids)} tap_ids, {tap_ids[0]} to {tap_ids[-1]}; some are in the ledger."
