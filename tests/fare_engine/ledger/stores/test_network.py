"""Gates and media types registered after `init`: stored, audited, in force from now on."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import CatalogueInvalid
from fare_engine.ledger import schema
from fare_engine.ledger.database import writing
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    store_network,
)
from fare_engine.ledger.stores.network import add_medium_type, put_gate
from fare_engine.network import Direction, Exit, Gate, MediumType, Name
from fare_engine.validation import list_faults
from tests.fare_engine.small_metro import NETWORK, NOON_MS, PILOT, TARIFF, SmallMetro

ACTOR = "planner 7"
SMALL = replace(NETWORK, exits=(Exit("FHY", "A", Name("A口", "Exit A")),))
IN = frozenset({Direction.ENTRY})
BOTH = frozenset(Direction)


@pytest.fixture
def catalogue(engine: Engine) -> Catalogue:
    """A network with its first tariff and its pilot."""
    with writing(engine) as connection:
        store_network(connection, SMALL, ACTOR, NOON_MS)
        catalogue = load_catalogue(connection)
        catalogue = publish_tariff(connection, catalogue, TARIFF, ACTOR, NOON_MS)
        return publish_policy(connection, catalogue, PILOT, ACTOR, NOON_MS)


def _put(engine: Engine, catalogue: Catalogue, gate: Gate) -> Catalogue:
    with writing(engine) as connection:
        return put_gate(connection, catalogue, gate, ACTOR, NOON_MS)


def _add(engine: Engine, catalogue: Catalogue, medium: MediumType) -> Catalogue:
    with writing(engine) as connection:
        return add_medium_type(connection, catalogue, medium, ACTOR, NOON_MS)


def _load(engine: Engine) -> Catalogue:
    with engine.connect() as connection:
        return load_catalogue(connection)


def _audit(engine: Engine, subject: str) -> list[Any]:
    query = select(schema.audit).where(schema.audit.c.subject == subject).order_by("entry")
    with engine.connect() as connection:
        return list(connection.execute(query))


def _faults(engine: Engine, catalogue: Catalogue, gate: Gate) -> list[tuple[str, str]]:
    with pytest.raises(CatalogueInvalid) as refusal:
        _put(engine, catalogue, gate)
    assert _load(engine) == catalogue, "nothing was stored"
    return list(refusal.value.faults)


def test_a_new_gate_takes_the_next_number(engine: Engine, catalogue: Catalogue) -> None:
    changed = _put(engine, catalogue, Gate("CXL-B-01", "CXL", IN, controller="c 7"))
    assert changed.gates["CXL-B-01"] == Gate("CXL-B-01", "CXL", IN, None, "c 7", 5)
    assert _load(engine) == changed
    (entry,) = _audit(engine, "CXL-B-01")
    assert (entry.action, entry.actor, entry.before) == ("gate.registered", ACTOR, None)
    assert entry.after["directions"] == ["entry"]


def test_a_corrected_gate_keeps_its_number(engine: Engine, catalogue: Catalogue) -> None:
    changed = _put(engine, catalogue, Gate("CXL-A-01", "FHY", IN, "A"))
    assert changed.gates["CXL-A-01"].at(NOON_MS) == Gate(
        "CXL-A-01", "FHY", IN, "A", None, 4, NOON_MS, (catalogue.gates["CXL-A-01"],)
    )
    assert _load(engine) == changed
    (entry,) = _audit(engine, "CXL-A-01")
    assert entry.action == "gate.corrected"
    assert (entry.before["station_id"], entry.after["station_id"]) == ("CXL", "FHY")


def test_a_gate_that_is_so_already_stays_as_it_is(engine: Engine, catalogue: Catalogue) -> None:
    assert _put(engine, catalogue, replace(catalogue.gates["CXL-A-01"], number=0)) == catalogue
    assert _audit(engine, "CXL-A-01") == []


def test_every_fault_of_a_gate_is_told(engine: Engine, catalogue: Catalogue) -> None:
    no_gate = Gate("no gate", "FHY", frozenset(), "Z", "c" * 65)
    faults = _faults(engine, catalogue, no_gate)
    assert [field for field, _ in faults] == ["gate_id", "exit_id", "directions", "controller"]
    ((field, message),) = _faults(engine, catalogue, Gate("X-01", "NOPE", IN))
    assert (field, message) == ("station_id", "there is no station 'NOPE'")


def test_a_designated_gate_stays_at_its_station(engine: Engine, catalogue: Catalogue) -> None:
    ((field, message),) = _faults(engine, catalogue, Gate("FHY-A-01", "CXL", IN))[:1]
    assert field == "station_id"
    assert "policy 1 of station 'FHY' designates this gate" in message


def test_a_crossing_lane_keeps_an_entry_and_an_exit(engine: Engine, catalogue: Catalogue) -> None:
    ((field, message),) = _faults(engine, catalogue, Gate("FHY-C-02", "FHY", IN))
    assert field == "directions"
    assert "at least one exit gate" in message
    assert "FHY-C-02" in _put(engine, catalogue, Gate("FHY-C-02", "FHY", BOTH)).gates


def test_a_policy_that_comes_later_holds_its_gates_too(
    engine: Engine, catalogue: Catalogue
) -> None:
    later = replace(
        PILOT,
        effective_from_ms=NOON_MS + 1,
        designated_gates=PILOT.designated_gates | {"FHY-B-03"},
    )
    with writing(engine) as connection:
        catalogue = publish_policy(connection, catalogue, later, ACTOR, NOON_MS)
    ((field, message),) = _faults(engine, catalogue, Gate("FHY-B-03", "CXL", BOTH))
    assert field == "station_id"
    assert "policy 2" in message


def test_a_policy_that_is_over_lets_its_gates_go(engine: Engine, catalogue: Catalogue) -> None:
    smaller = replace(
        PILOT, effective_from_ms=NOON_MS, designated_gates=frozenset({"FHY-B-03", "FHY-C-02"})
    )
    with writing(engine) as connection:
        catalogue = publish_policy(connection, catalogue, smaller, ACTOR, NOON_MS)
    catalogue = _put(engine, catalogue, Gate("FHY-A-01", "CXL", IN))
    assert catalogue.gates["FHY-A-01"].station_id == "CXL"
    assert list_faults(catalogue, NOON_MS) == []
    assert list_faults(catalogue, NOON_MS - 1) == [], "until noon the gate was there"


def test_a_journey_that_is_open_keeps_the_station_of_its_entry(metro: SmallMetro) -> None:
    metro.enter(0, "FHY-B-03")
    gate = Gate("FHY-B-03", "CXL", BOTH)
    metro.use(
        metro.change(lambda connection: put_gate(connection, metro.catalogue, gate, ACTOR, NOON_MS))
    )
    metro.restart()
    verdict = metro.leave(3, "FHY-C-02")
    assert verdict.decision.entry is not None
    assert verdict.decision.entry.station_id == "FHY"
    assert verdict.decision.reason is Reason.GATE_NOT_DESIGNATED
    again = metro.leave(10, "FHY-B-03")
    assert again.station_id == "CXL"


def test_a_medium_type_is_registered_once(engine: Engine, catalogue: Catalogue) -> None:
    staff = MediumType("staff_card", Name("员工卡", "Staff card"), "[0-9]{6}")
    changed = _add(engine, catalogue, staff)
    assert changed.media["staff_card"] == replace(staff, number=3)
    assert _load(engine) == changed
    (entry,) = _audit(engine, "staff_card")
    assert (entry.action, entry.after["id_pattern"]) == ("medium.registered", "[0-9]{6}")
    with pytest.raises(CatalogueInvalid, match="there is a media type 'staff_card' already"):
        _add(engine, changed, staff)


def test_every_fault_of_a_medium_type_is_told(engine: Engine, catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueInvalid) as refusal:
        _add(engine, catalogue, MediumType("No", Name("", "x" * 65), "["))
    fields = [field for field, _ in refusal.value.faults]
    assert fields == ["code", "name.zh", "name.en", "id_pattern"]
    assert _load(engine) == catalogue
