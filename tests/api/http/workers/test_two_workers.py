"""Two workers answer as one, and each knows at once what the other one has published."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.api.http.workers.two_workers import TwoWorkers, check, wait_for
from tests.server_process import make_tap, new_card, run_command

TURNS = 10


def take(client: httpx2.Client, gate_id: str, direction: str, card: str, at: str) -> Any:
    return check(client.post("/v1/taps", json=make_tap(gate_id, direction, card, at)))


def format_now() -> str:
    """This moment, as a gate writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def cross(entered: httpx2.Client, left: httpx2.Client) -> Any:
    """The exit of a passenger who crosses the station of the pilot now, and quickly."""
    card = new_card()
    take(entered, "FHY-A-01", "entry", card, format_now())
    return take(left, "FHY-C-02", "exit", card, format_now())


def test_an_exit_at_one_worker_finds_the_entry_at_the_other(workers: TwoWorkers) -> None:
    with workers.client(1) as one, workers.client(2) as other:
        assert cross(one, other)["reason"] == "same_station_within_window"
        assert cross(other, one)["reason"] == "same_station_within_window"


def test_a_repeated_tap_is_answered_by_the_other_worker_as_by_the_first(
    workers: TwoWorkers,
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), "2021-11-26T08:00:00+08:00")
    with workers.client(1) as one, workers.client(2) as other:
        first = one.post("/v1/taps", json=tap)
        again = other.post("/v1/taps", json=tap)
        changed = other.post("/v1/taps", json=tap | {"gate_id": "FHY-A-02"})
    assert again.json() == check(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert changed.status_code == 409


def test_no_entry_behind_a_suspension_at_one_worker_is_waived_by_the_other(
    workers: TwoWorkers,
) -> None:
    """Also where no notice comes: nothing that was decided by the version before is stored."""
    policies = "/v1/stations/FHY/policies"
    with workers.without_notices(), workers.admin(1) as operator, workers.client(2) as gates:
        for _ in range(TURNS):
            check(operator.post(f"{policies}/suspend", json={"reason": "test"}))
            suspended = cross(gates, gates)
            check(operator.post(f"{policies}/resume", json={"reason": "test"}))
            resumed = cross(gates, gates)
            assert suspended["reason"] == "station_not_in_pilot"
            assert resumed["reason"] == "same_station_within_window"


def test_an_idle_worker_shows_what_the_other_one_has_published(workers: TwoWorkers) -> None:
    medium = {
        "code": "staff_card",
        "name": {"zh": "员工卡", "en": "Staff card"},
        "id_pattern": "[0-9]{6}",
    }
    with workers.admin(1) as one, workers.admin(2) as other:
        check(one.post("/v1/media-types", json=medium), 201)

        def find() -> bool | None:
            items = check(other.get("/v1/media-types"))["items"]
            return any(item["code"] == medium["code"] for item in items) or None

        assert wait_for(find)


def test_changes_at_both_workers_come_one_after_the_other(workers: TwoWorkers) -> None:
    """Each goes on from what the other has stored, whatever it knew before."""
    policy = {
        "window_seconds": 600,
        "media": ["tianfutong"],
        "designated_gates": ["FHY-A-01", "FHY-C-02"],
        "note": "test",
    }
    versions = []
    with workers.admin(1) as one, workers.admin(2) as other:
        for turn in range(TURNS):
            published = policy | {"effective_from": f"2040-01-{turn + 1:02}T00:00:00+08:00"}
            client = one if turn % 2 else other
            answer = client.post("/v1/stations/FHY/policies", json=published)
            versions.append(check(answer, 201)["version"])
    assert versions == [*range(2, 2 + TURNS)]


def test_a_key_that_one_worker_has_revoked_the_other_one_refuses(workers: TwoWorkers) -> None:
    request = {"kind": "gate", "name": "test", "stations": ["FHY"]}
    with workers.admin(1) as operator:
        made = check(operator.post("/v1/keys", json=request), 201)

        def ask(status: int) -> bool | None:
            tap = make_tap("FHY-A-01", "entry", new_card(), "2021-11-26T08:00:00+08:00")
            return client.post("/v1/taps", json=tap).status_code == status or None

        with workers.client(2, made["key"]) as client:
            assert wait_for(lambda: ask(200))
            check(operator.delete(f"/v1/keys/{made['key_id']}"))
            assert wait_for(lambda: ask(401))


def test_a_medium_that_one_worker_has_blocked_may_not_enter_at_the_other(
    workers: TwoWorkers,
) -> None:
    card = new_card()
    body = {"medium": {"type": "tianfutong", "id": card}, "reason": "lost"}
    with workers.admin(1) as operator, workers.client(2) as gates:
        check(operator.post("/v1/media/block", json=body))

        def enter() -> bool | None:
            entered = take(gates, "FHY-A-01", "entry", card, format_now())
            return entered["reason"] == "medium_blocked" or None

        assert wait_for(enter)


def test_a_clock_that_a_heartbeat_has_measured_is_known_to_both(workers: TwoWorkers) -> None:
    heartbeat = {
        "sent_at": format_now(),
        "outbox_taps": 7,
        "parameters_version": None,
        "gates": [{"gate_id": "FHY-A-01", "clock_skew_ms": 400_000}],
    }
    with workers.admin(1) as one, workers.admin(2) as other:
        controller = check(one.get("/v1/gates/FHY-A-01"))["controller"]
        check(one.post(f"/v1/controllers/{controller}/heartbeat", json=heartbeat))

        def find() -> Any:
            items = check(other.get("/v1/alarms"))["items"]
            return [item for item in items if item["gate_id"] == "FHY-A-01"] or None

        (alarm,) = wait_for(find)
        assert alarm["clock_skew_ms"] == 400_000
        waiting = f'fare_controller_outbox_taps{{controller="{controller}",worker="2"}} 7.0'
        assert waiting in workers.read_metrics()
        shown = check(other.get("/v1/controllers", params={"limit": 1_000}))["items"]
        assert [it["outbox_taps"] for it in shown if it["controller_id"] == controller] == [7]
        # The other worker goes on from what this one has stored.
        heartbeat["gates"] = [{"gate_id": "FHY-A-01", "clock_skew_ms": 0}]
        check(other.post(f"/v1/controllers/{controller}/heartbeat", json=heartbeat))
        wait_for(lambda: not check(one.get("/v1/alarms"))["items"] or None)


def test_one_scrape_has_the_metrics_of_both(workers: TwoWorkers) -> None:
    with workers.client(2) as gates:
        cross(gates, gates)
    scraped = workers.read_metrics()
    for number in (1, 2):
        assert f'fare_worker_up{{worker="{number}"}} 1.0' in scraped
        assert f'fare_engine_alive{{worker="{number}"}} 1.0' in scraped
    taps = [line for line in scraped.splitlines() if line.startswith("fare_taps_total{")]
    assert any('worker="2"' in line for line in taps)
    assert scraped.count("# TYPE fare_taps_total counter") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("stations", "list"),
        ("keys", "list"),
        ("policies", "suspend", "FHY", "--reason", "test"),
        ("policies", "resume", "FHY", "--reason", "test"),
        ("config", "check"),
        ("migrate",),
    ],
    ids=" ".join,
)
def test_a_command_uses_the_ledger_beside_the_workers(
    workers: TwoWorkers, command: tuple[str, ...]
) -> None:
    done = run_command(*command, "--data-dir", workers.server.data_dir, **workers.server.ledger)
    assert done.returncode == 0, done.stderr
