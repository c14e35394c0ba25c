"""Degraded modes are stored, ended and audited, and no journey that is open loses its terms."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid, NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.database import writing
from fare_engine.ledger.stores.catalogue import load_catalogue, publish_tariff, store_network
from fare_engine.ledger.stores.modes import end_mode, start_mode
from fare_engine.modes import DegradedMode, Mode
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, TARIFF

SMOKE = DegradedMode("FHY", Mode.EMERGENCY, NOON_MS, "smoke")


@pytest.fixture
def catalogue(engine: Engine) -> Catalogue:
    with writing(engine) as connection:
        store_network(connection, NETWORK, "test", NOON_MS)
        catalogue = load_catalogue(connection)
        return publish_tariff(connection, catalogue, TARIFF, "test", NOON_MS)


def _start(engine: Engine, catalogue: Catalogue, draft: DegradedMode) -> Catalogue:
    with writing(engine) as connection:
        return start_mode(connection, catalogue, draft, "key", NOON_MS)


def _end(
    engine: Engine, catalogue: Catalogue, at_ms: int, mode: Mode = Mode.EMERGENCY
) -> tuple[Catalogue, tuple[DegradedMode, ...]]:
    with writing(engine) as connection:
        return end_mode(connection, catalogue, "FHY", mode, at_ms, "clear", "key", NOON_MS)


def _load(engine: Engine) -> Catalogue:
    with engine.connect() as connection:
        return load_catalogue(connection)


def _audit(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(schema.audit).order_by("entry")))


def test_a_mode_holds_from_its_start_until_it_is_ended(
    engine: Engine, catalogue: Catalogue
) -> None:
    started = _start(engine, catalogue, SMOKE)
    assert started.find_modes("FHY", NOON_MS - 1) == 0
    assert started.find_modes("FHY", NOON_MS + 10**9) == Mode.EMERGENCY
    assert started.find_modes("CXL", NOON_MS) == 0
    ended, modes = _end(engine, started, NOON_MS + MINUTE_MS)
    assert modes == (replace(SMOKE, number=1, effective_to_ms=NOON_MS + MINUTE_MS),)
    assert ended.find_modes("FHY", NOON_MS + MINUTE_MS - 1) == Mode.EMERGENCY
    assert ended.find_modes("FHY", NOON_MS + MINUTE_MS) == 0
    assert _load(engine).modes == ended.modes == {"FHY": modes}


def test_terms_follow_every_start_and_end(engine: Engine, catalogue: Catalogue) -> None:
    before = catalogue.find_terms("FHY", NOON_MS)
    started = _start(engine, catalogue, SMOKE)
    during = started.find_terms("FHY", NOON_MS)
    assert before is not None
    assert during is not None
    assert (before.modes, during.modes) == (0, Mode.EMERGENCY)
    elsewhere = started.find_terms("CXL", NOON_MS)
    assert elsewhere is not None
    assert elsewhere.stood_open.during(NOON_MS, NOON_MS), "told at every station"
    assert not elsewhere.stood_open.during(0, NOON_MS - 1)
    assert during is started.get_terms(("FHY", None, False, 1, int(Mode.EMERGENCY)))


def test_modes_of_one_station_add_up(engine: Engine, catalogue: Catalogue) -> None:
    catalogue = _start(engine, catalogue, replace(SMOKE, mode=Mode.TIME_FREE))
    catalogue = _start(engine, catalogue, replace(SMOKE, mode=Mode.FARE_FREE))
    catalogue = _start(engine, catalogue, replace(SMOKE, mode=Mode.FARE_FREE))
    assert catalogue.find_modes("FHY", NOON_MS) == Mode.TIME_FREE | Mode.FARE_FREE
    catalogue, ended = _end(engine, catalogue, NOON_MS + 1, Mode.FARE_FREE)
    assert [mode.number for mode in ended] == [2, 3]
    assert catalogue.find_modes("FHY", NOON_MS + 1) == Mode.TIME_FREE


def test_what_is_not_in_force_is_not_ended(engine: Engine, catalogue: Catalogue) -> None:
    bounded = replace(SMOKE, effective_to_ms=NOON_MS + MINUTE_MS)
    catalogue = _start(engine, catalogue, bounded)
    for at_ms in (NOON_MS - 1, NOON_MS + MINUTE_MS):
        same, ended = _end(engine, catalogue, at_ms)
        assert (same, ended) == (catalogue, ())
    assert _end(engine, catalogue, NOON_MS, Mode.TIME_FREE)[1] == ()
    assert [entry.action for entry in _audit(engine)].count("mode.ended") == 0
    called_off, ended = _end(engine, catalogue, NOON_MS)
    assert len(ended) == 1
    assert called_off.find_modes("FHY", NOON_MS) == 0


def test_start_and_end_are_audited_with_their_reasons(engine: Engine, catalogue: Catalogue) -> None:
    catalogue = _start(engine, catalogue, SMOKE)
    _end(engine, catalogue, NOON_MS + MINUTE_MS)
    started, ended = _audit(engine)[-2:]
    told = {
        "number": 1,
        "mode": "emergency",
        "effective_from": "2021-11-24T12:00:00.000+08:00",
        "effective_to": None,
        "reason": "smoke",
    }
    assert (started.action, started.subject, started.actor) == ("mode.started", "FHY", "key")
    assert (started.before, started.after) == (None, told)
    assert (ended.action, ended.before) == ("mode.ended", told)
    assert ended.after == told | {
        "effective_to": "2021-11-24T12:01:00.000+08:00",
        "end_reason": "clear",
    }


@pytest.mark.parametrize("end_ms", [NOON_MS, NOON_MS - 1])
def test_a_mode_that_ends_before_it_begins(
    engine: Engine, catalogue: Catalogue, end_ms: int
) -> None:
    with pytest.raises(CatalogueInvalid, match="effective_to: must be after"):
        _start(engine, catalogue, replace(SMOKE, effective_to_ms=end_ms))
    assert _load(engine).modes == {}


def test_a_station_that_is_not_there(engine: Engine, catalogue: Catalogue) -> None:
    with pytest.raises(NotFound):
        _start(engine, catalogue, replace(SMOKE, station_id="NOPE"))
