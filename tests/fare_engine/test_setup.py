"""The first set-up: a directory that scripts and gates can start with, or none at all."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from fare_engine.access_key import Key
from fare_engine.calendar import to_ms
from fare_engine.catalogue import Catalogue
from fare_engine.errors import CatalogueInvalid, DataDirectoryUsed, FileInvalid
from fare_engine.ledger.database import check_schema, open_database
from fare_engine.ledger.sqlite.place import EmbeddedPlace
from fare_engine.ledger.stores.catalogue import load_catalogue
from fare_engine.ledger.stores.keys import hash_secret, load_keys
from fare_engine.setup import initialise
from fare_engine.validation import list_faults
from tests.fare_engine.test_network_file import GOOD

NOW_MS = to_ms(datetime.fromisoformat("2026-11-24T09:00:00+08:00"))
PILOT_STARTS_MS = to_ms(datetime.fromisoformat("2021-11-24T00:00:00+08:00"))


@pytest.fixture
def directory(tmp_path: Path) -> EmbeddedPlace:
    return EmbeddedPlace(tmp_path / "data")


def _read(directory: EmbeddedPlace) -> tuple[Catalogue, dict[bytes, Key]]:
    engine = open_database(directory.open().ledger_path)
    check_schema(engine)
    with engine.connect() as connection:
        found = load_catalogue(connection), load_keys(connection)
    engine.dispose()
    return found


def _file(tmp_path: Path, old: str = "", new: str = "") -> Path:
    path = tmp_path / "metro.toml"
    # The small network's exit gate takes both directions, so that a crossing is possible.
    other_gate = (
        '{ gate_id = "B-1", station_id = "B", directions = ["entry", "exit"] },\n]\n\n[pilot'
    )
    path.write_text(GOOD.replace("]\n\n[pilot", other_gate).replace(old, new), "utf-8")
    return path


def test_what_is_printed_is_what_scripts_rely_on(directory: EmbeddedPlace) -> None:
    printed = json.loads(json.dumps(initialise(directory, now_ms=NOW_MS).document()))
    assert printed["gate_key"].startswith("fe_gate_")
    assert printed["admin_key"].startswith("fe_admin_")
    pilot, other = printed["pilot"], printed["other_station"]
    assert (pilot["station_id"], other["station_id"]) == ("FHY", "CXL")
    assert pilot["gates"][0] == {
        "gate_id": "FHY-A-01",
        "directions": ["entry"],
        "designated": True,
    }
    for direction in ("entry", "exit"):
        lane = [g for g in pilot["gates"] if direction in g["directions"] and g["designated"]]
        assert len({gate["gate_id"].split("-")[1] for gate in lane}) >= 2, "at different exits"
        assert any(direction in gate["directions"] for gate in other["gates"])
    assert not all(gate["designated"] for gate in pilot["gates"])
    assert not any(gate["designated"] for gate in other["gates"])


def test_the_keys_are_good_and_the_gate_key_speaks_for_both(directory: EmbeddedPlace) -> None:
    setup = initialise(directory, now_ms=NOW_MS)
    _, keys = _read(directory)
    gate_key = keys[hash_secret(setup.gate_key)]
    assert (gate_key.kind, gate_key.stations) == ("gate", frozenset({"FHY", "CXL"}))
    admin_key = keys[hash_secret(setup.admin_key)]
    assert (admin_key.kind, admin_key.stations) == ("admin", None)
    assert setup.gate_key not in repr(setup)


def test_the_pilot_and_the_tariff_of_chengdu_are_in_force(directory: EmbeddedPlace) -> None:
    initialise(directory, now_ms=NOW_MS)
    catalogue, _ = _read(directory)
    assert list_faults(catalogue) == []
    terms = catalogue.find_terms("FHY", PILOT_STARTS_MS)
    assert terms is not None
    assert terms.policy is not None
    assert terms.policy.window_ms == 15 * 60_000
    tariff = terms.tariff
    assert tariff.discounted(tariff.fares.fare("FHY", "CXL"), "tianfutong") == 360
    assert tariff.discounted(tariff.same_station_fare, "qr") == 200
    assert tariff.effective_from_ms == to_ms(datetime.fromisoformat("2010-09-27T00:00+08:00"))
    before = catalogue.find_terms("FHY", PILOT_STARTS_MS - 1)
    assert before is not None
    assert before.policy is None
    elsewhere = catalogue.find_terms("CXL", NOW_MS)
    assert elsewhere is not None
    assert elsewhere.policy is None


def test_a_used_directory_is_refused(directory: EmbeddedPlace) -> None:
    setup = initialise(directory, now_ms=NOW_MS)
    with pytest.raises(DataDirectoryUsed, match="already holds a ledger"):
        initialise(directory, now_ms=NOW_MS)
    assert hash_secret(setup.gate_key) in _read(directory)[1]


def test_another_network_may_be_given_as_a_file(directory: EmbeddedPlace, tmp_path: Path) -> None:
    setup = initialise(directory, now_ms=NOW_MS, network=_file(tmp_path))
    assert setup.network_id == "small"
    assert setup.pilot is not None
    assert setup.other_station is not None
    assert (setup.pilot.station_id, setup.other_station.station_id) == ("A", "B")
    assert _read(directory)[0].network.network_id == "small"


def test_a_tariff_is_in_force_before_even_the_oldest_pilot(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    initialise(directory, now_ms=NOW_MS, network=_file(tmp_path, "2021-11", "1999-11"))
    catalogue, _ = _read(directory)
    (policy,) = catalogue.list_policies("A")
    assert catalogue.tariffs[0].effective_from_ms == policy.effective_from_ms


def test_a_network_without_tianfutong_gives_no_discount_on_it(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    path = _file(tmp_path)
    media = 'media = [{ code = "qr", name = { zh = "码", en = "QR" }, id_pattern = "[a-z]+" }]\n'
    path.write_text(media + path.read_text("utf-8"), "utf-8")
    initialise(directory, now_ms=NOW_MS, network=path)
    assert _read(directory)[0].tariffs[0].discounts_percent == {}


def test_a_network_without_a_pilot_gets_a_key_for_all_its_gates(
    directory: EmbeddedPlace, tmp_path: Path
) -> None:
    path = _file(tmp_path)
    path.write_text(path.read_text("utf-8").partition("[pilot]")[0], "utf-8")
    setup = initialise(directory, now_ms=NOW_MS, network=path)
    assert setup.document()["pilot"] is None
    assert setup.document()["other_station"] is None
    assert _read(directory)[1][hash_secret(setup.gate_key)].stations == frozenset("AB")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('["A-1", "A-2"]', '["A-1"]', "designated_gates: must name at least one exit gate"),
        ("window_seconds = 600", "window_seconds = 0", "window_seconds: must be more than 0"),
        ('"A", "B", 900', '"A", "B", 0', r"segments\[1\]\.distance_m"),
        ('["1", "A", "B", 900]', "", "explicit_fares: station 'B' has no fare to or from 'A'"),
        ('other_station = "B"', 'other_station = "A"', "another station than the pilot's"),
        ('other_station = "B"', 'other_station = "C"', "must have entry and exit gates"),
    ],
)
def test_a_network_that_cannot_be_leaves_no_directory(
    directory: EmbeddedPlace, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    with pytest.raises(CatalogueInvalid, match=fault):
        initialise(directory, now_ms=NOW_MS, network=_file(tmp_path, old, new))
    assert not directory.path.exists()


def test_a_file_with_faults_leaves_no_directory(directory: EmbeddedPlace, tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match=r"metro\.toml: gates\[1\]\.directions"):
        initialise(directory, now_ms=NOW_MS, network=_file(tmp_path, '["entry"]', '["in"]'))
    with pytest.raises(FileInvalid, match="nowhere: cannot be read"):
        initialise(directory, now_ms=NOW_MS, network="nowhere")
    assert not directory.path.exists()
