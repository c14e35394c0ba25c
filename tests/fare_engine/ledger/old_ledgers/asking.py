"""What is asked of an old ledger, and how the answers are kept: one exchange a line of JSON."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

Exchange = dict[str, Any]
READ: Final = "read"

LISTS: Final = (
    "/v1/stations",
    "/v1/gates",
    "/v1/media-types",
    "/v1/media/blocked",
    "/v1/ride-code-issuers",
    "/v1/keys",
    "/v1/tariffs",
    "/v1/quarantine",
    "/v1/alarms",
    "/v1/settlements",
    "/v1/audit",
)


def ask(client: httpx2.Client, method: str, path: str, body: object = None) -> Exchange:
    """A request with its answer; of a list all of it."""
    options: dict[str, Any] = {"params": {"limit": 1_000}} if path in LISTS else {}
    if body is not None:
        options["json"] = body
    answer = client.request(method, path, **options)
    return {
        "method": method,
        "path": path,
        "body": body,
        "status": answer.status_code,
        "answer": answer.json(),
    }


def list_paths(client: httpx2.Client, sent: Iterable[Exchange]) -> Iterator[str]:
    """Everything that can be read: lists, what they name, and every tap that was sent."""
    yield from LISTS
    for station in client.get("/v1/stations").json()["items"]:
        path = f"/v1/stations/{station['station_id']}"
        yield from (path, f"{path}/policies", f"{path}/modes")
    for run in client.get("/v1/settlements").json()["items"]:
        path = f"/v1/settlements/{run['settlement_id']}"
        yield from (path, f"{path}/adjustments")
    taps = (exchange["body"]["tap_id"] for exchange in sent if exchange["path"] == "/v1/taps")
    yield from (f"/v1/taps/{tap_id}" for tap_id in taps)


def write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """One line each."""
    encoded = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    path.write_text("\n".join(encoded) + "\n", "utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of such a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
