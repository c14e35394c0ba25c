"""The made-up day played against a real server, and all that came of it as lines of JSON.

Left out are clocks of the engine, numbers of rows and runs, and ids of keys. Write the golden file
anew, after a change of what the contract or the rule says, with
`python -m tests.contract.golden_day.played`.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.contract.golden_day.day import (
    AFTER,
    BEFORE,
    SERVICE_DATES,
    make_day,
)
from tests.contract.golden_day.passengers import Sending
from tests.server_process import ServerProcess, run_command

GOLDEN: Final = Path(__file__).with_name("golden.jsonl")
LEFT_OUT: Final = frozenset(
    {"decided_at", "received_at", "issued_at", "settlement_id", "adjustment_id", "sender"}
)
OFTEN_ZERO: Final = frozenset(
    {
        *("fare", "fare_waived", "incomplete_fare", "conflicts"),
        *("held", "held_fare", "released", "released_fare", "refused", "refused_fare"),
    }
)
"""Never null, so that one that is left out is 0."""

Line = dict[str, Any]


def play(server: ServerProcess) -> list[str]:
    """Send the day, settle it and read everything back; the lines of the golden file."""
    with server.client(server.admin_key) as client:
        for sending in BEFORE:
            assert _send(client, sending).is_success
        day = make_day()
        first: dict[str, Line] = {}
        lines = [_describe(sending, _send(client, sending), first) for sending in day]
        for sending in AFTER:
            assert _send(client, sending).is_success
        lines += _settle(server)
        lines += _list_quarantine(client)
        lines += _explain(client, first)
    shapes: set[tuple[str, ...]] = set()
    written = [_write(_compact(line, shapes)) for line in lines]
    return [*written, *(_write({"members": shape}) for shape in sorted(shapes))]


def read_golden() -> list[str]:
    """The lines as they were committed."""
    return GOLDEN.read_text("utf-8").splitlines()


def _send(client: httpx2.Client, sending: Sending) -> httpx2.Response:
    return client.request(sending.method, sending.path, json=sending.body)


def _describe(sending: Sending, answer: httpx2.Response, first: dict[str, Line]) -> Line:
    """A request by what names it, with its answer; a decision stands in the lines once."""
    line: Line = {"sent": sending.body.get("tap_id", sending.path), "status": answer.status_code}
    if "idempotent-replayed" in answer.headers:
        line["replayed"] = answer.headers["idempotent-replayed"]
    answered = answer.json()
    results = answered.get("results", [answered])
    for place, result in enumerate(results):
        if "outcome" in result and first.setdefault(result["tap_id"], result) is not result:
            assert result == first[result["tap_id"]], "a known tap is answered as it was"
            results[place] = {"again": result["tap_id"]}
    return line | ({"results": results} if "results" in answered else {"answer": results[0]})


def _settle(server: ServerProcess) -> Iterator[dict[str, Any]]:
    """Each date twice: the second run has nothing left to issue."""
    for date in (*SERVICE_DATES, *SERVICE_DATES):
        options = ("--service-date", date, "--data-dir", server.data_dir, "--json")
        done = run_command("settle", *options, FARE_ADMIN_KEY=server.admin_key)
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
        items = sorted(outcome.pop("items"), key=lambda item: (item["tap_id"], item["kind"]))
        yield {"settled": outcome}
        yield from ({"issued": item, "on": date} for item in items)


def _list_quarantine(client: httpx2.Client) -> Iterator[Line]:
    waiting = client.get("/v1/quarantine", params={"limit": 1_000}).json()["items"]
    yield from ({"quarantined": item} for item in sorted(waiting, key=lambda item: item["tap_id"]))


def _explain(client: httpx2.Client, first: dict[str, Line]) -> Iterator[Line]:
    """Explanations, without what stands in other lines: that it is the same is checked."""
    explained = {tap_id: client.get(f"/v1/taps/{tap_id}").json() for tap_id in first}
    for tap_id, decision in first.items():
        whole = explained[tap_id]
        assert whole | decision == whole, "an explanation has the decision as it was answered"
        rest = {name: value for name, value in whole.items() if name not in decision}
        for name in ("entry", "closed_by"):
            if rest[name] is not None:
                other = explained[rest[name]["tap_id"]]
                assert other | rest[name] == other, "what is said of another tap is what it says"
                rest[name] = rest[name]["tap_id"]
        rest["conditions"] = [
            [condition["condition"], condition["held"], condition["values"]]
            for condition in rest["conditions"]
        ]
        yield {"explained": tap_id, **rest}


def _compact(value: Any, shapes: set[tuple[str, ...]]) -> Any:
    """Without clocks and members that say nothing; which members there were goes to the shapes."""
    if isinstance(value, dict):
        shapes.add(tuple(sorted(value)))
        return {
            name: _compact(member, shapes)
            for name, member in value.items()
            if name not in LEFT_OUT and not _says_nothing(name, member)
        }
    if isinstance(value, list):
        return [_compact(member, shapes) for member in value]
    return value


def _says_nothing(name: str, member: object) -> bool:
    return member is None or member == [] or (name in OFTEN_ZERO and member == 0)


def _write(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Write the golden file anew."""
    with tempfile.TemporaryDirectory(prefix="fare-golden-") as directory:
        server = ServerProcess(Path(directory) / "data")
        try:
            lines = play(server)
        finally:
            server.stop()
    GOLDEN.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{GOLDEN}: {len(lines)} lines, {GOLDEN.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
