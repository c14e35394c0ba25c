"""tap_ids are bound to their gates: nobody uses up the ids that another gate makes next."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from api.http.ownership import Ownership
from fare_engine.network import Gate
from fare_engine.tap import Tap
from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

AT = "2021-11-25T08:00:00.000+08:00"
OFFLINE = {"gate_action_taken": "open", "fare_taken": 0}
GATES = ("F-1", "F-10", "F-2", "G.1", "G.1.2", "G", "f-1")

Answer = dict[str, Any]


@pytest.fixture
def key_of(server: ServerProcess, admin: httpx2.Client) -> Iterator[Callable[[str], httpx2.Client]]:
    """Clients with the key of one station alone."""
    with ExitStack() as stack:

        def make(station_id: str) -> httpx2.Client:
            request = {"kind": "gate", "name": station_id, "stations": [station_id]}
            key = admin.post("/v1/keys", json=request).json()["key"]
            return stack.enter_context(server.client(key))

        yield make


def squat(tap: Answer, gate_id: str = "CXL-A-01", **more: Any) -> Answer:
    """A tap of another gate under the tap_id of this one."""
    medium = {"type": "tianfutong", "id": new_card()}
    return tap | {"gate_id": gate_id, "medium": medium, **more}


def list_conflicts(admin: httpx2.Client, tap: Answer) -> list[Answer]:
    page = admin.get("/v1/conflicts", params={"limit": 1_000}).json()
    return [item for item in page["items"] if item["tap_id"] == tap["tap_id"]]


@pytest.mark.parametrize(
    ("tap_id", "gate_id", "other"),
    [
        ("F-1.20211124.1", "F-1", None),
        ("F-10.20211124.1", "F-10", None),
        ("F-10.20211124.1", "F-1", "F-10"),
        ("F-1.20211124.1", "F-10", "F-1"),
        ("F-2.1", "F-1", "F-2"),
        ("F-2", "F-1", None),
        ("F-2-1", "F-1", None),
        ("F-2:1.x", "F-1", None),
        ("F-22.1", "F-1", None),
        ("x.F-2.1", "F-1", None),
        (".F-2.1", "F-1", None),
        ("f-1.1", "F-1", "f-1"),
        ("G.1.20211124.1", "G.1", None),
        ("G.1.2.20211124.1", "G.1.2", None),
        ("G.1.2.20211124.1", "G.1", "G.1.2"),
        ("G.1.20211124.1", "G.1.2", "G.1"),
        ("G.7.1", "G", None),
        ("G.1.1", "G", "G.1"),
        ("G.1x.1", "G.1", "G"),
        ("F-2.1", "F-", "F-2"),
        ("F-2.1", "unknown", "F-2"),
        ("unknown.1", "unknown", None),
        ("unknown.1", "F-1", None),
    ],
)
def test_a_leading_part_up_to_a_dot_names_the_gate(
    tap_id: str, gate_id: str, other: str | None
) -> None:
    gates = {name: Gate(name, "S", frozenset()) for name in GATES}
    tap = Tap(tap_id, gate_id, 1, "qr", bytes(16), 0)
    for ownership in (Ownership(gates), Ownership(dict(reversed(gates.items())))):
        found = ownership.find_other(tap)
        assert (None if found is None else found.gate_id) == other
        listed = [(place, gate.gate_id) for place, gate in ownership.list_others([tap, tap])]
        assert listed == ([] if other is None else [(0, other), (1, other)])


def test_without_gates_no_tap_id_is_anybodys() -> None:
    assert Ownership({}).find_other(Tap("F-2.1", "F-1", 1, "qr", bytes(16), 0)) is None


@pytest.mark.parametrize("gate_id", ["CXL-A-01", "FHY", "FHY-A-0", "CXL-NONE"])
@pytest.mark.parametrize("more", [{}, {"offline": OFFLINE}], ids=["live", "offline"])
def test_the_next_tap_ids_of_another_station_cannot_be_used_up(
    gates: httpx2.Client,
    key_of: Callable[[str], httpx2.Client],
    gate_id: str,
    more: Answer,
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    foreign, squatted = key_of("CXL"), squat(tap, gate_id, **more)
    for _ in range(2):
        check(foreign.post("/v1/taps", json=squatted), 403, "gate-not-yours")
    own = make_tap("CXL-A-01", "entry", new_card(), AT)
    batch = foreign.post("/v1/taps/batch", json={"taps": [own, squatted]}).json()["results"]
    assert batch[0]["outcome"] == "entered"
    assert batch[1]["problem"]["type"] == "/problems/gate-not-yours"
    answer = gates.post("/v1/taps", json=tap)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "entered")


def test_a_station_does_not_mix_up_the_tap_ids_of_its_own_gates(gates: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    check(gates.post("/v1/taps", json=tap | {"gate_id": "FHY-B-01"}), 403, "gate-not-yours")
    assert gates.post("/v1/taps", json=tap).status_code == 200
    check(gates.post("/v1/taps", json=tap | {"gate_id": "FHY-B-01"}), 409, "tap-conflict")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"gate_id": "NOWHERE"}, 404, "unknown-gate"),
        ({"gate_id": "FHY-C-02", "direction": "entry"}, 422, "direction-not-allowed"),
        ({"gate_id": "FHY-B-01", "occurred_at": "2999-01-01T00:00:00Z"}, 422, "clock-ahead"),
    ],
)
def test_what_else_is_wrong_with_a_stations_own_tap_is_said_first(
    gates: httpx2.Client,
    key_of: Callable[[str], httpx2.Client],
    change: Answer,
    status: int,
    code: str,
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT) | change
    check(gates.post("/v1/taps", json=tap), status, code)
    # It must not be kept under the tap_id of another gate; and a foreign key learns nothing by it.
    offline = gates.post("/v1/taps", json=tap | {"offline": OFFLINE})
    check(offline, 403, "gate-not-yours")
    check(key_of("CXL").post("/v1/taps", json=tap), 403, "gate-not-yours")


def test_an_admin_key_sends_what_it_has(admin: httpx2.Client) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    assert admin.post("/v1/taps", json=squat(tap)).status_code == 200


def test_a_passage_under_a_foreign_tap_id_is_listed_and_hinders_nobody(
    gates: httpx2.Client, admin: httpx2.Client, key_of: Callable[[str], httpx2.Client]
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    foreign = key_of("CXL")
    check(foreign.post("/v1/taps", json=squat(tap)), 403, "gate-not-yours")
    assert list_conflicts(admin, tap) == [], "nobody passed by it"
    check(foreign.post("/v1/taps", json=squat(tap, offline=OFFLINE)), 403, "gate-not-yours")
    (item,) = list_conflicts(admin, tap)
    assert (item["first_tap"], item["differs"]) == (None, [])
    assert item["sent_tap"]["gate_id"] == "CXL-A-01"
    assert item["sent_tap"]["offline"]["gate_action_taken"] == "open"
    assert gates.post("/v1/taps", json=tap).json()["outcome"] == "entered"
    explained = admin.get(f"/v1/taps/{tap['tap_id']}").json()
    assert (explained["gate_id"], explained["conflicts"]) == ("FHY-A-01", 0)


@pytest.mark.parametrize("more", [{}, {"offline": OFFLINE}], ids=["live", "offline"])
def test_a_foreign_key_does_not_learn_which_tap_ids_there_are(
    gates: httpx2.Client, key_of: Callable[[str], httpx2.Client], more: Answer
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    foreign, squatted = key_of("CXL"), squat(tap, **more)
    before = foreign.post("/v1/taps", json=squatted)
    batch_before = foreign.post("/v1/taps/batch", json={"taps": [squatted]})
    assert gates.post("/v1/taps", json=tap).status_code == 200
    after = foreign.post("/v1/taps", json=squatted)
    assert (after.status_code, after.content) == (before.status_code, before.content)
    batch_after = foreign.post("/v1/taps/batch", json={"taps": [squatted]})
    assert batch_after.content == batch_before.content


def test_foreign_keys_do_not_use_up_what_is_kept_of_a_gates_own_conflicts(
    gates: httpx2.Client, admin: httpx2.Client, key_of: Callable[[str], httpx2.Client]
) -> None:
    tap = make_tap("FHY-A-01", "entry", new_card(), AT)
    foreign = key_of("CXL")
    for _ in range(20):
        foreign.post("/v1/taps", json=squat(tap, offline=OFFLINE))
    assert gates.post("/v1/taps", json=tap).status_code == 200
    later = tap | {"occurred_at": "2021-11-25T09:00:00.000+08:00"}
    check(gates.post("/v1/taps", json=later), 409, "tap-conflict")
    assert list_conflicts(admin, tap)[0]["differs"] == ["occurred_at"]


def test_a_known_tap_is_answered_before_anybody_asks_whose_tap_id_it_is(
    admin: httpx2.Client, key_of: Callable[[str], httpx2.Client]
) -> None:
    tap = make_tap("CXL-A-01", "entry", new_card(), AT)
    tap["tap_id"] = f"CXL-K-{tap['tap_id'][-6:]}.20211124.1"  # of no gate yet
    own = key_of("CXL")
    first = own.post("/v1/taps", json=tap)
    assert first.status_code == 200
    gate = {"station_id": "FHY", "directions": ["entry"]}
    assert admin.put(f"/v1/gates/{tap['tap_id'].partition('.')[0]}", json=gate).is_success
    again = own.post("/v1/taps", json=tap)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    check(own.post("/v1/taps", json=tap | {"tap_id": tap["tap_id"] + "2"}), 403, "gate-not-yours")
