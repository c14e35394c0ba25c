"""The catalogue in the ledger: what is stored is loaded, what is published is audited."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, null, select

from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid, ConfigurationError, NotFound
from fare_engine.ledger import schema
from fare_engine.ledger.database import writing
from fare_engine.ledger.stores.catalogue import (
    load_catalogue,
    publish_policy,
    publish_tariff,
    resume,
    store_network,
    suspend,
)
from fare_engine.ledger.stores.network_rows import read_station_numbers
from fare_engine.network import Exit, Name, Segment
from fare_engine.network_file import read_builtin
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff
from fare_engine.validation import list_faults
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF

ACTOR = "planner 7"
SMALL = replace(NETWORK, exits=(Exit("FHY", "A", Name("A口", "Exit A")),))


@pytest.fixture
def catalogue(engine: Engine) -> Catalogue:
    """A network with its first tariff and its pilot."""
    with writing(engine) as connection:
        store_network(connection, SMALL, ACTOR, NOON_MS)
        catalogue = load_catalogue(connection)
        catalogue = publish_tariff(connection, catalogue, TARIFF, ACTOR, NOON_MS)
        return publish_policy(connection, catalogue, PILOT, ACTOR, NOON_MS)


def _load(engine: Engine) -> Catalogue:
    with engine.connect() as connection:
        return load_catalogue(connection)


def _audit(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(schema.audit).order_by("entry")))


def _policy(engine: Engine, catalogue: Catalogue, draft: Policy) -> Catalogue:
    with writing(engine) as connection:
        return publish_policy(connection, catalogue, draft, ACTOR, NOON_MS)


def _tariff(engine: Engine, catalogue: Catalogue, draft: Tariff) -> Catalogue:
    with writing(engine) as connection:
        return publish_tariff(connection, catalogue, draft, ACTOR, NOON_MS)


def _suspend(engine: Engine, catalogue: Catalogue, at_ms: int = NOON_MS) -> Catalogue:
    with writing(engine) as connection:
        return suspend(connection, catalogue, "FHY", "crowding", ACTOR, at_ms)


def _resume(engine: Engine, catalogue: Catalogue, at_ms: int = NOON_MS) -> Catalogue:
    with writing(engine) as connection:
        return resume(connection, catalogue, "FHY", "quiet again", ACTOR, at_ms)


def test_chengdu_is_loaded_as_it_was_stored(engine: Engine) -> None:
    network = read_builtin("chengdu").network
    with writing(engine) as connection:
        stored = store_network(connection, network, ACTOR, NOON_MS)
        loaded = load_catalogue(connection).network
        numbers = read_station_numbers(connection)
    assert set(loaded.exits) == set(network.exits)
    assert replace(loaded, exits=network.exits) == stored
    assert numbers == {s.station_id: n for n, s in enumerate(network.stations, start=1)}


def test_gates_and_media_get_numbers_of_their_own(catalogue: Catalogue) -> None:
    assert [gate.number for gate in catalogue.network.gates] == [1, 2, 3, 4]
    assert [medium.number for medium in catalogue.network.media] == [1, 2]
    assert catalogue.get_gate_by_number(3).gate_id == "FHY-B-03"


def test_a_network_is_stored_once(engine: Engine, catalogue: Catalogue) -> None:
    with (
        writing(engine) as connection,
        pytest.raises(ConfigurationError, match="already holds a network"),
    ):
        store_network(connection, SMALL, ACTOR, NOON_MS)


def test_a_network_with_faults_is_not_stored(engine: Engine) -> None:
    bad = replace(SMALL, segments=(Segment("1", "FHY", "XXX", 0),))
    with writing(engine) as connection, pytest.raises(CatalogueInvalid, match=r"segments\[1\]"):
        store_network(connection, bad, ACTOR, NOON_MS)
    with pytest.raises(ConfigurationError, match="the ledger holds no network"):
        _load(engine)


def test_what_was_published_is_what_is_loaded(engine: Engine, catalogue: Catalogue) -> None:
    loaded = _load(engine)
    assert loaded == catalogue
    assert loaded.list_policies("FHY") == (PILOT,)
    assert loaded.tariffs == (TARIFF,)


def test_tariffs_share_one_table_of_distances(engine: Engine, catalogue: Catalogue) -> None:
    later = replace(TARIFF, effective_from_ms=NOON_MS, same_station_fare=300)
    catalogue = _tariff(engine, catalogue, later)
    for first, second in (catalogue.tariffs, _load(engine).tariffs):
        assert first.fares.distances is second.fares.distances
        assert (first.version, second.version) == (1, 2)
        assert second.same_station_fare == 300


def test_a_policy_gets_the_next_version_of_its_station(
    engine: Engine, catalogue: Catalogue
) -> None:
    draft = replace(
        PILOT,
        version=99,
        effective_from_ms=NOON_MS,
        effective_to_ms=NOON_MS + 1,
        window_ms=10 * MINUTE_MS,
        daily_limit=2,
        note="ten minutes",
    )
    after = _policy(engine, catalogue, draft)
    assert after.list_policies("FHY") == (PILOT, replace(draft, version=2))
    assert catalogue.list_policies("FHY") == (PILOT,), "a catalogue is a value"
    assert _load(engine) == after


def test_terms_that_journeys_pinned_stay_the_same_objects(
    engine: Engine, catalogue: Catalogue
) -> None:
    pinned = catalogue.find_terms("FHY", NOON_MS)
    assert pinned is not None
    after = _policy(engine, catalogue, replace(PILOT, effective_from_ms=NOON_MS))
    after = _tariff(engine, after, replace(TARIFF, effective_from_ms=NOON_MS))
    after = _suspend(engine, after)
    assert after.get_terms(("FHY", 1, False, 1, 0)) is pinned
    assert after.find_terms("FHY", NOON_MS - 1) is pinned
    found = after.find_terms("FHY", NOON_MS)
    assert found is not None
    assert found.policy is not None
    assert (found.policy.version, found.tariff.version, found.suspended) == (2, 2, True)


def test_versions_another_worker_published_are_not_lost(
    engine: Engine, catalogue: Catalogue
) -> None:
    _policy(engine, catalogue, replace(PILOT, effective_from_ms=NOON_MS))
    after = _policy(engine, catalogue, replace(PILOT, effective_from_ms=NOON_MS + 1))
    assert [policy.version for policy in after.list_policies("FHY")] == [1, 2, 3]
    _tariff(engine, catalogue, replace(TARIFF, effective_from_ms=NOON_MS))
    after = _tariff(engine, catalogue, replace(TARIFF, effective_from_ms=NOON_MS + 1))
    assert [tariff.version for tariff in after.tariffs] == [1, 2, 3]


def test_a_policy_with_faults_is_not_stored(engine: Engine, catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueInvalid) as refusal:
        _policy(engine, catalogue, replace(PILOT, window_ms=0, media=frozenset()))
    assert [field for field, _ in refusal.value.faults] == ["window_seconds", "media"]
    assert _load(engine) == catalogue


def test_a_tariff_with_faults_is_not_stored(engine: Engine, catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueInvalid) as refusal:
        _tariff(engine, catalogue, replace(TARIFF, max_stay_ms=MINUTE_MS))
    assert [field for field, _ in refusal.value.faults] == ["max_stay_minutes"]
    assert _load(engine) == catalogue


def test_an_unknown_station_has_no_policy(engine: Engine, catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="there is no station 'XXX'"):
        _policy(engine, catalogue, replace(PILOT, station_id="XXX"))
    with writing(engine) as connection:
        for change in (suspend, resume):
            with pytest.raises(NotFound, match="there is no station 'XXX'"):
                change(connection, catalogue, "XXX", "why", ACTOR, NOON_MS)


def test_a_station_without_policy_cannot_be_suspended(engine: Engine, catalogue: Catalogue) -> None:
    with (
        writing(engine) as connection,
        pytest.raises(NotFound, match="'CXL' has no policy that could be suspended"),
    ):
        suspend(connection, catalogue, "CXL", "why", ACTOR, NOON_MS)


def test_a_suspension_holds_from_now_until_it_is_resumed(
    engine: Engine, catalogue: Catalogue
) -> None:
    after = _resume(engine, _suspend(engine, catalogue, NOON_MS), NOON_MS + 5)
    assert after.suspensions == {"FHY": (Suspension("FHY", NOON_MS, "crowding", NOON_MS + 5),)}
    assert _load(engine) == after
    again = _suspend(engine, after, NOON_MS + 9)
    assert again.suspensions["FHY"][1] == Suspension("FHY", NOON_MS + 9, "crowding")
    assert _load(engine) == again


def test_a_suspension_outlives_publishing(engine: Engine, catalogue: Catalogue) -> None:
    suspended = _suspend(engine, catalogue)
    after = _policy(engine, suspended, replace(PILOT, effective_from_ms=NOON_MS + 1))
    assert after.find_suspension("FHY", NOON_MS + 2) is not None


def test_suspending_twice_changes_nothing(engine: Engine, catalogue: Catalogue) -> None:
    suspended = _suspend(engine, catalogue)
    entries = len(_audit(engine))
    assert _suspend(engine, suspended, NOON_MS + 5) is suspended
    assert len(_audit(engine)) == entries


def test_resuming_what_is_not_suspended_changes_nothing(
    engine: Engine, catalogue: Catalogue
) -> None:
    entries = len(_audit(engine))
    assert _resume(engine, catalogue) is catalogue
    resumed = _resume(engine, _suspend(engine, catalogue))
    assert _resume(engine, resumed, NOON_MS + 5) is resumed
    assert len(_audit(engine)) == entries + 2


AHEAD_MS = 3 * 60 * 60_000


def test_the_kill_switch_works_at_once_though_it_was_thrown_by_a_clock_that_was_ahead(
    engine: Engine, catalogue: Catalogue
) -> None:
    ahead = _suspend(engine, catalogue, NOON_MS + AHEAD_MS)
    assert ahead.find_suspension("FHY", NOON_MS) is None
    after = _suspend(engine, ahead, NOON_MS)
    assert after.suspensions["FHY"] == (Suspension("FHY", NOON_MS, "crowding"),)
    assert _load(engine) == after


def test_a_station_resumed_by_a_clock_that_was_ahead_can_be_suspended_and_resumed_now(
    engine: Engine, catalogue: Catalogue
) -> None:
    resumed = _resume(engine, _suspend(engine, catalogue, NOON_MS - 5), NOON_MS + AHEAD_MS)
    after = _resume(engine, resumed, NOON_MS)
    assert after.suspensions["FHY"] == (Suspension("FHY", NOON_MS - 5, "crowding", NOON_MS),)
    assert _load(engine) == after

    ahead = _resume(engine, _suspend(engine, after, NOON_MS + 5), NOON_MS + AHEAD_MS)
    kept = _suspend(engine, ahead, NOON_MS + 9)
    assert kept.suspensions["FHY"][1] == Suspension("FHY", NOON_MS + 5, "crowding")
    assert _load(engine) == kept


def test_switches_thrown_by_a_clock_that_was_ahead_make_no_suspensions_overlap(
    engine: Engine, catalogue: Catalogue
) -> None:
    ahead = _resume(engine, _suspend(engine, catalogue, NOON_MS + 5), NOON_MS + AHEAD_MS)
    ahead = _suspend(engine, ahead, NOON_MS + 2 * AHEAD_MS)
    after = _suspend(engine, ahead, NOON_MS)
    assert after.suspensions["FHY"] == (Suspension("FHY", NOON_MS, "crowding"),)
    assert list_faults(after, NOON_MS) == []
    assert _load(engine) == after


def test_a_clock_set_back_by_a_little_resumes_all_the_same(
    engine: Engine, catalogue: Catalogue
) -> None:
    after = _resume(engine, _suspend(engine, catalogue, NOON_MS), NOON_MS - 10)
    assert after.suspensions["FHY"][0].resumed_at_ms == NOON_MS


def test_a_suspension_made_while_the_clock_was_ahead_begins_at_once_by_suspending_again(
    engine: Engine, catalogue: Catalogue
) -> None:
    ahead = _suspend(engine, catalogue, NOON_MS + 3_600_000)
    assert ahead.find_suspension("FHY", NOON_MS) is None
    entries = len(_audit(engine))
    mended = _suspend(engine, ahead, NOON_MS)
    assert mended.suspensions["FHY"] == (Suspension("FHY", NOON_MS, "crowding"),)
    assert _load(engine) == mended
    assert len(_audit(engine)) == entries + 1
    assert _suspend(engine, mended, NOON_MS + 5) is mended


def test_every_change_is_audited(engine: Engine, catalogue: Catalogue) -> None:
    draft = replace(PILOT, effective_from_ms=NOON_MS, window_ms=600_000)
    after = _policy(engine, catalogue, draft)
    after = _tariff(engine, after, replace(TARIFF, effective_from_ms=NOON_MS, note="new"))
    _resume(engine, _suspend(engine, after), NOON_MS + 1)
    rows = _audit(engine)
    assert [(row.action, row.subject) for row in rows] == [
        ("network.stored", "small"),
        ("tariff.published", "tariff 1"),
        ("policy.published", "FHY"),
        ("policy.published", "FHY"),
        ("tariff.published", "tariff 2"),
        ("policy.suspended", "FHY"),
        ("policy.resumed", "FHY"),
    ]
    assert {row.actor for row in rows} == {ACTOR}
    assert [row.at for row in rows] == [NOON_MS] * 6 + [NOON_MS + 1]
    assert rows[3].before["window_seconds"] == 900
    assert rows[3].after == {
        "station_id": "FHY",
        "version": 2,
        "window_seconds": 600,
        "media": ["qr", "tianfutong"],
        "designated_gates": ["FHY-A-01", "FHY-C-02"],
        "daily_limit": None,
        "effective_from": "2021-11-24T12:00:00.000+08:00",
        "effective_to": None,
        "note": "",
    }
    assert (rows[4].before["version"], rows[4].after["note"]) == (1, "new")
    assert rows[5].after["reason"] == "crowding"
    assert rows[6].after["resume_reason"] == "quiet again"


def test_what_was_not_there_before_is_null(engine: Engine, catalogue: Catalogue) -> None:
    with engine.connect() as connection:
        query = select(schema.audit.c.entry).where(schema.audit.c.before.is_not(null()))
        assert list(connection.execute(query)) == []


def test_a_change_and_its_audit_stand_or_fall_together(
    engine: Engine, catalogue: Catalogue
) -> None:
    entries = len(_audit(engine))
    draft = replace(PILOT, effective_from_ms=NOON_MS)

    def fail_half_way() -> None:
        with writing(engine) as connection:
            publish_policy(connection, catalogue, draft, ACTOR, NOON_MS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert _load(engine) == catalogue
    assert len(_audit(engine)) == entries
