"""Vectors of taps: what is sent to a new installation of the built-in network, and what it answers.

The stories are written here; the answers are those of the engine, over a scratch ledger.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from api.http.auth import find_key
from api.http.tap_desk import BATCH, TAPS, Response, TapDesk
from api.runtime.settings import Settings
from api.runtime.wiring import open_runtime
from fare_engine import setup
from fare_engine.access_key import Key
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from simulator.gate_kit.vectors.stories import list_stories

SET_UP_MS: Final = 1_735_689_600_000
"""2025 begins (UTC): before every tap of the stories."""

Expect = dict[str, Any]


def make_taps() -> dict[str, Any]:
    """The stories with their answers; each has tap_ids and media of its own."""
    with TemporaryDirectory() as folder:
        directory = EmbeddedPlace(Path(folder) / "data")
        made = setup.initialise(directory, now_ms=SET_UP_MS)
        directory = directory.open()
        with directory.lock("vectors"):
            stories = asyncio.run(_play(directory, made.gate_key))
    return {"network": made.network_id, "stories": stories}


async def _play(directory: EmbeddedPlace, gate_key: str) -> list[dict[str, Any]]:
    async with open_runtime(directory, Settings(data_dir=directory.path)) as runtime:
        desk = TapDesk(runtime)
        key = find_key(runtime, f"Bearer {gate_key}".encode())
        assert key is not None
        return [
            {
                "name": name,
                "steps": [
                    step | {"expect": await _ask(desk, key, step)} for step in _number(steps)
                ],
            }
            for name, steps in list_stories()
        ]


def _number(steps: list[Any]) -> Iterator[dict[str, Any]]:
    """A step is a tap, a batch of taps, or bytes."""
    for sent in steps:
        if isinstance(sent, bytes):
            yield {"path": TAPS, "body_base64": b64encode(sent).decode()}
        else:
            path = BATCH if "taps" in sent else TAPS
            yield {"path": path, "body": sent}


async def _ask(desk: TapDesk, key: Key, step: dict[str, Any]) -> Expect:
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    desk.take(step["path"], key, {}, read_body(step), answered.set_result)
    status, answer_headers, body = await answered
    return summarise(status, {name.decode() for name, _ in answer_headers}, json.loads(body))


def read_body(step: dict[str, Any]) -> bytes:
    """The bytes that a step sends."""
    if "body_base64" in step:
        return b64decode(step["body_base64"])
    return json.dumps(step["body"]).encode()


def summarise(status: int, headers: set[str], body: Any) -> Expect:
    """What of an answer is the same in every installation; no instant at which it was decided."""
    if status != 200:
        return {"status": status, **_summarise_problem(body)}
    if "results" in body:
        return {"status": 200, "results": [_summarise_result(one) for one in body["results"]]}
    return {"status": 200, "replayed": "idempotent-replayed" in headers, **_summarise_result(body)}


def _summarise_result(result: dict[str, Any]) -> Expect:
    if "problem" in result:
        return {"tap_id": result["tap_id"], "problem": _summarise_problem(result["problem"])}
    names = ("tap_id", "outcome", "reason", "gate_action", "fare", "fare_waived")
    journey = result["journey"] or {}
    said = {name: result[name] for name in names}
    return said | {
        "entry_tap_id": journey.get("entry_tap_id"),
        "elapsed_ms": journey.get("elapsed_ms"),
    }


def _summarise_problem(problem: dict[str, Any]) -> Expect:
    fields = sorted({fault["field"] for fault in problem.get("errors", ())})
    return {"type": problem["type"], "fields": fields}
