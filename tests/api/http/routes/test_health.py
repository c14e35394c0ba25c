"""Health, readiness, metrics and documentation."""

import re
import shutil
from collections.abc import Callable

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card


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


def test_a_ledger_that_is_gone_is_not_ready(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server()
    shutil.rmtree(server.data_dir)
    with server.client() as client:
        members = check(client.get("/readyz"), 503, "not-ready")
        assert "database" in members["detail"]
        assert client.get("/livez").status_code == 200


def test_problems_are_counted_by_their_code(gates: httpx2.Client) -> None:
    before = measure(gates)
    check(gates.get("/nothing"), 404, "not-found")
    check(gates.post("/v1/taps", content=b"{"), 400, "malformed-json")
    after = measure(gates)
    for code in ("not-found", "malformed-json"):
        name = f"fare_problems_total {code}"
        assert after[name] == before.get(name, 0) + 1
