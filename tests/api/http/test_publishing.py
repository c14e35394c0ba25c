"""What a request leaves in the ledger beside its answer: versions of what is published, senders."""

import sqlite3
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.server_process import ServerProcess, make_tap, new_card

AT = "2021-11-26T08:00:00.000+08:00"

Publish = Callable[[httpx2.Client], httpx2.Response]


def read(server: ServerProcess, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{server.data_dir}/ledger.sqlite3?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def read_version(server: ServerProcess) -> int:
    ((version,),) = read(server, "SELECT version FROM configuration")
    assert isinstance(version, int)
    return version


@pytest.mark.parametrize(
    "publish",
    [
        lambda admin: admin.post(
            "/v1/keys", json={"kind": "gate", "name": "one more", "stations": ["FHY"]}
        ),
        lambda admin: admin.post(
            "/v1/media/block", json={"medium": {"type": "qr", "id": "lost1"}, "reason": "lost"}
        ),
        lambda admin: admin.put(
            "/v1/gates/FHY-Z-71", json={"station_id": "FHY", "directions": ["exit"]}
        ),
    ],
    ids=["a key", "a blocked medium", "a gate"],
)
def test_what_is_published_raises_the_version_by_one(
    server: ServerProcess, admin: httpx2.Client, publish: Publish
) -> None:
    before = read_version(server)
    answer = publish(admin)
    assert answer.is_success, answer.text
    assert read_version(server) == before + 1


def test_what_is_refused_leaves_the_version_as_it_was(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    before = read_version(server)
    refused = admin.put("/v1/gates/FHY-Z-72", json={"station_id": "NOPE", "directions": ["exit"]})
    assert refused.status_code == 422
    assert read_version(server) == before


def test_a_quarantined_tap_keeps_the_key_that_sent_it(
    server: ServerProcess, gates: httpx2.Client, admin: httpx2.Client
) -> None:
    tap = make_tap("FHY-Z-73", "entry", new_card(), AT)
    tap["offline"] = {"gate_action_taken": "open", "fare_taken": 0}
    assert gates.post("/v1/taps", json=tap).json()["reason"] == "unknown-gate"
    found = read(
        server,
        "SELECT k.kind, k.name FROM quarantine q JOIN keys k ON k.key_id = q.sender"
        " WHERE q.gate_id = 'FHY-Z-73'",
    )
    assert found == [("gate", "init")]
