"""Health, readiness, metrics and documentation."""

import re
import resource
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

pytestmark = pytest.mark.slow

PATIENCE_S = 60


def measure(client: httpx2.Client) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_alive_and_ready(gates: httpx2.Client) -> None:
    assert gates.get("/livez").json() == {"status": "alive"}
    ready = gates.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready.keys() == {"status", "database", "index", "configuration"}


def test_taps_are_counted_by_outcome_and_reason(gates: httpx2.Client) -> None:
    before = measure(gates)
    tap = make_tap("FHY-A-01", "entry", new_card(), "2021-11-25T08:00:00+08:00")
    assert gates.post("/v1/taps", json=tap).status_code == 200
    after = measure(gates)
    counted = "fare_taps_total entered entry_opened"
    assert after[counted] == before.get(counted, 0) + 1
    assert after["fare_batches_total"] > before["fare_batches_total"]
    assert after["fare_engine_alive"] == 1
    assert after["fare_ledger_log_bytes"] > 0
    assert after["fare_commit_seconds"] > 0


def test_the_documentation_needs_no_other_host(gates: httpx2.Client) -> None:
    page = gates.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("/")
        assert gates.get(link).status_code == 200
    assert not re.search(r"https?://", page)


def test_the_first_page_says_where_to_read_on(gates: httpx2.Client) -> None:
    index = gates.get("/").json()
    assert gates.get(index["openapi"]).json()["info"]["version"] == index["version"]


def wait_until(client: httpx2.Client, status: int) -> str:
    """Ask until it is ready, or is not; what it says then."""
    deadline = time.monotonic() + PATIENCE_S
    while (response := client.get("/readyz")).status_code != status:
        assert time.monotonic() < deadline, response.text
    return response.text


def enter(client: httpx2.Client, **more: Any) -> httpx2.Response:
    tap = make_tap("FHY-A-01", "entry", new_card(), "2021-11-25T08:00:00+08:00", **more)
    return client.post("/v1/taps", json=tap)


def test_somebody_elses_lock_silences_neither_health_nor_metrics(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client, closing(connect(server)) as operator:
        operator.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor() as senders:
            sent = senders.submit(enter, client)
            with server.client() as other:
                while not measure(other)["fare_ledger_stalled_seconds"]:
                    pass  # the tap has not come yet
                assert other.get("/livez").status_code == 200
                assert "engine" in wait_until(other, 503)
                assert measure(other)["fare_loop_stalled_seconds"] == 0
            check(sent.result(), 503, "ledger-unavailable")
        operator.execute("COMMIT")
        wait_until(client, 200)
        assert enter(client).status_code == 200


def test_a_lock_that_ends_soon_costs_no_tap(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server()
    with server.client() as client, closing(connect(server)) as operator:
        operator.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor() as senders:
            sent = senders.submit(enter, client)
            with server.client() as other:
                while not measure(other)["fare_ledger_stalled_seconds"]:
                    pass
            operator.execute("COMMIT")
            assert sent.result().status_code == 200


def test_without_taps_it_is_tried_whether_one_would_be_stored(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client, closing(connect(server)) as operator:
        operator.execute("BEGIN EXCLUSIVE")
        assert "cannot be written" in wait_until(client, 503)
        assert client.get("/livez").status_code == 200
        operator.execute("COMMIT")
        wait_until(client, 200)


def test_files_that_may_not_grow_are_not_ready_and_ready_again_with_the_first_tap(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    limit = resource.RLIMIT_FSIZE
    log_bytes = server.data_dir.joinpath("ledger.sqlite3-wal").stat().st_size
    _, hard = resource.prlimit(server.process.pid, limit)
    with server.client() as client:
        resource.prlimit(server.process.pid, limit, (log_bytes + 4_096, hard))
        while enter(client).status_code == 200:
            pass
        for _ in range(3):
            check(client.get("/readyz"), 503, "not-ready")
            check(enter(client), 503, "ledger-unavailable")
        resource.prlimit(server.process.pid, limit, (hard, hard))
        assert enter(client).status_code == 200
        assert client.get("/readyz").status_code == 200


def test_a_table_that_was_dropped_is_not_ready(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server()
    with server.client() as client:
        for table in ("quarantine", "adjustments"):
            with closing(connect(server)) as operator:
                operator.execute(f"DROP TABLE {table}")
            assert table in wait_until(client, 503)


def test_damage_that_a_tap_met_is_not_ready_until_it_is_mended(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        tap = make_tap("FHY-A-01", "entry", new_card(), "2021-11-25T08:00:00+08:00")
        client.post("/v1/taps", json=tap)
    server.stop()
    server.restart()
    ledger = server.data_dir / "ledger.sqlite3"
    with closing(connect(server)) as operator:
        (page,) = operator.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'reports'"
        ).fetchone()
    with ledger.open("r+b") as file:
        file.seek((page - 1) * 4_096)
        file.write(b"\xff" * 4_096)
    with server.client() as client:
        check(client.post("/v1/taps", json=tap), 503, "ledger-unavailable")
        assert enter(client).status_code == 200, "others are answered"
        assert "damaged" in wait_until(client, 503)


def test_probes_that_go_on_for_ever_do_not_fill_the_disk(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    with server.client() as client:
        wait_until(client, 200)
        before = count_marks(server)
        for _ in range(50):
            assert client.get("/readyz").status_code == 200
        assert count_marks(server) == before


def count_marks(server: ServerProcess) -> int:
    with closing(connect(server)) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM ledger_marks").fetchone()
        return int(count)


def connect(server: ServerProcess) -> sqlite3.Connection:
    return sqlite3.connect(server.data_dir / "ledger.sqlite3", isolation_level=None)


def test_problems_are_counted_by_their_code(gates: httpx2.Client) -> None:
    before = measure(gates)
    check(gates.get("/nothing"), 404, "not-found")
    check(gates.post("/v1/taps", content=b"{"), 400, "malformed-json")
    after = measure(gates)
    for code in ("not-found", "malformed-json"):
        name = f"fare_problems_total {code}"
        assert after[name] == before.get(name, 0) + 1
