"""A fare for each pair of a whole network: published, read back, and refused where it is wrong."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.publishing import make_table
from tests.api.contract.test_problems import check
from tests.server_process import (
    ServerProcess,
    make_data_directory,
    make_tap,
    new_card,
    run_command,
)

pytestmark = pytest.mark.slow

PAIRS = 321 * 320


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of this module, since its tariffs are large."""
    server = ServerProcess(tmp_path_factory.mktemp("tables") / "data")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    tariff: dict[str, Any] = json.loads(make_table())
    assert len(tariff["explicit_fares"]) == PAIRS
    return tariff


@pytest.fixture
def planner(served: ServerProcess) -> Iterator[httpx2.Client]:
    with served.client(served.admin_key) as client:
        yield client


def send(client: httpx2.Client, tariff: Any) -> httpx2.Response:
    body = tariff if isinstance(tariff, bytes) else json.dumps(tariff).encode()
    return client.post("/v1/tariffs", content=body, headers={"content-type": "application/json"})


def test_the_whole_table_of_a_network_is_published_and_read_back(
    served: ServerProcess, planner: httpx2.Client, table: dict[str, Any]
) -> None:
    published = send(planner, table)
    assert published.status_code == 201, published.text
    tariff = published.json()
    assert (tariff["explicit_pairs"], tariff["rules"]["explicit_fares"]) == (PAIRS, None)
    whole = planner.get(f"/v1/tariffs/{tariff['version']}").json()
    assert sorted(whole["rules"]["explicit_fares"]) == sorted(table["explicit_fares"])
    assert whole | {"rules": whole["rules"] | {"explicit_fares": None}} == tariff
    assert len(planner.get("/v1/tariffs").content) < 10_000
    assert len(planner.get("/v1/audit").content) < 20_000
    served.kill()
    served.restart()
    assert planner.get(f"/v1/tariffs/{tariff['version']}").json() == whole


def test_journeys_cost_what_the_table_says(planner: httpx2.Client, table: dict[str, Any]) -> None:
    """From a date that is past, so that taps of now meet it."""
    begun = send(planner, table | {"effective_from": "2026-01-01T00:00:00+08:00"})
    assert begun.status_code == 201, begun.text
    version = begun.json()["version"]
    fares = {(origin, to): fare for origin, to, fare in table["explicit_fares"]}
    exit_gate = next(
        gate["gate_id"]
        for gate in planner.get("/v1/stations/CXL").json()["gates"]
        if "exit" in gate["directions"]
    )
    card = new_card()
    entry = make_tap("FHY-A-01", "entry", card, "2026-11-26T08:00:00+08:00")
    exit_ = make_tap(exit_gate, "exit", card, "2026-11-26T08:30:00+08:00")
    planner.post("/v1/taps", json=entry)
    answer = planner.post("/v1/taps", json=exit_).json()
    assert (answer["reason"], answer["tariff_version"]) == ("different_station", version)
    assert answer["fare"] == round(fares["FHY", "CXL"] * 0.9)
    controller = planner.get("/v1/gates/FHY-A-01").json()["controller"]
    parameters = planner.get(f"/v1/controllers/{controller}/parameters").json()
    (station,) = [one for one in parameters["stations"] if one["station_id"] == "FHY"]
    from_here = [fare for (origin, _), fare in fares.items() if origin == "FHY"]
    assert station["highest_fares"][str(version)] == max(from_here)
    assert len(json.dumps(parameters["tariffs"])) < 5_000


def test_two_tables_at_once_are_two_versions(
    served: ServerProcess, planner: httpx2.Client, table: dict[str, Any]
) -> None:
    before = len(planner.get("/v1/tariffs").json()["items"])

    def publish(_: int) -> httpx2.Response:
        with served.client(served.admin_key) as client:
            return send(client, table)

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(publish, range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3
    versions = sorted(answer.json()["version"] for answer in answers)
    assert versions == [before + 1, before + 2, before + 3]


def test_a_publish_that_a_stop_meets_is_stored_whole_or_not_at_all(
    served: ServerProcess, table: dict[str, Any]
) -> None:
    with served.client(served.admin_key) as client, ThreadPoolExecutor(1) as pool:
        before = len(client.get("/v1/tariffs").json()["items"])
        published = pool.submit(send, client, table)
        assert served.stop() == 0
        try:
            status = published.result().status_code
        except httpx2.HTTPError:
            status = 0
    served.restart()
    with served.client(served.admin_key) as client:
        tariffs = client.get("/v1/tariffs").json()["items"]
        assert len(tariffs) == before + 1 if status == 201 else len(tariffs) >= before
        assert tariffs[-1]["explicit_pairs"] == PAIRS
        whole = client.get(f"/v1/tariffs/{len(tariffs)}").json()
        assert len(whole["rules"]["explicit_fares"]) == PAIRS


def test_a_table_of_faults_is_answered_with_the_first_of_them(
    planner: httpx2.Client, table: dict[str, Any]
) -> None:
    rows = table["explicit_fares"]
    wrong = {
        "no such station": [["NOPE", to, fare] for _, to, fare in rows],
        "no whole fen": [[origin, to, 2.5] for origin, to, _ in rows],
        "below nothing": [[origin, to, -1] for origin, to, _ in rows],
        "no rows": [{"from": origin, "to": to} for origin, to, _ in rows],
        "brackets": [[origin + "]", to, fare] for origin, to, fare in rows],
        "twice": rows + rows,
    }
    for name, listed in wrong.items():
        refused = send(planner, table | {"explicit_fares": listed, "same_station_fare": -1})
        errors = check(refused, 422, "invalid-request")["errors"]
        assert 2 <= len(errors) <= 50, name
        assert errors[0]["field"] == "same_station_fare"
        assert all(error["field"].startswith("explicit_fares.") for error in errors[1:])
        assert len(refused.content) < 20_000
    to_itself = [[origin, origin, 200] for origin in {row[0] for row in rows}]
    refused = send(planner, table | {"explicit_fares": rows + to_itself})
    assert len(check(refused, 422, "catalogue-invalid")["errors"]) == 50
    assert len(refused.content) < 20_000


@pytest.mark.parametrize(
    ("change", "place", "field"),
    [
        (["FHY", "CXL", "450"], 0, "explicit_fares.0"),
        (["FHY", "CXL"], 1, "explicit_fares.1"),
        (["FHY", "CXL", 450, 1], 1, "explicit_fares.1"),
        (["FHY", None, 450], 1, "explicit_fares.1"),
        (["FHY", "CXL", True], 1, "explicit_fares.1"),
        (["FHY", "3104870512345678", 450], 1, "explicit_fares.1.1"),
        (["FHY", "CXL", 1_000_001], 1, "explicit_fares.1.2"),
        (["FHY", "CXL", 10**30], 1, "explicit_fares.1.2"),
        (["FHY", "CXL", 400], 1, "explicit_fares.1"),
        ("FHY", 1, "explicit_fares.1"),
        (None, 1, "explicit_fares.1"),
    ],
)
def test_a_wrong_row_is_named(
    planner: httpx2.Client, table: dict[str, Any], change: Any, place: int, field: str
) -> None:
    rows: list[Any] = [["FHY", "CXL", 450]]
    rows.insert(place, change)
    refused = send(planner, table | {"explicit_fares": rows})
    (error,) = check(refused, 422, "invalid-request")["errors"]
    assert error["field"] == field
    assert "3104870512345678" not in refused.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"explicit_fares": [[1]', b"\xff\xfe", b'"text"']
)
def test_a_body_that_is_no_tariff_is_refused(planner: httpx2.Client, body: bytes) -> None:
    assert send(planner, body).status_code in (400, 422)


@pytest.mark.parametrize("listed", [{}, "all", 5, None, True])
def test_a_table_that_is_no_list_is_refused(
    planner: httpx2.Client, table: dict[str, Any], listed: Any
) -> None:
    refused = send(planner, table | {"explicit_fares": listed})
    assert check(refused, 422, "invalid-request")["errors"][0]["field"] == "explicit_fares"


def test_a_gate_key_is_refused_before_its_table_is_read(served: ServerProcess) -> None:
    """Nothing of the body has come when the answer does."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/tariffs HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: 8000000\r\n\r\n"
            % served.gate_key.encode()
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 403 ")


def test_the_limit_of_a_tariff_is_its_own(make_server: Any, table: dict[str, Any]) -> None:
    twice = table | {"explicit_fares": [["FHY", "CXL", 450]] * 30}
    body = json.dumps(twice).encode()
    server: ServerProcess = make_server(
        FARE_TARIFF_BYTES_MAX=str(len(body)), FARE_BODY_BYTES_MAX="1024"
    )
    with server.client(server.admin_key) as client:
        check(send(client, body), 422, "invalid-request")
        check(send(client, body + b" "), 413, "body-too-large")
        without_table = len(json.dumps(table | {"explicit_fares": []}))
        long_note = table | {"explicit_fares": [], "note": "x" * (1_024 - without_table)}
        assert send(client, long_note).status_code == 201
        long_note["note"] += "x" * 200
        check(send(client, long_note), 413, "body-too-large")


def test_a_table_is_published_where_no_server_runs(table: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "tariff.json"
    file.write_text(json.dumps(table), "utf-8")
    make_data_directory(tmp_path / "data")
    at = ("--data-dir", tmp_path / "data")
    published = run_command("tariffs", "publish", file, *at)
    assert published.returncode == 0, published.stderr
    assert published.stdout.startswith("tariff 2 is in force from 2027-01-01")
    listed = run_command("tariffs", "list", *at)
    assert listed.returncode == 0, listed.stderr
    shown = run_command("tariffs", "show", "2", *at)
    assert len(json.loads(shown.stdout)["explicit_fares"]) == PAIRS
