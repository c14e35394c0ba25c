"""Parameters: read, verified, stored, and kept for journeys that began under them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gates.errors import ParametersInvalid, WrongUsage
from gates.parameters import parse_parameters
from gates.station_file import StationFile
from gates.station_parameters import DOCUMENTS_KEPT, StationParameters
from gates.times import parse_ms
from tests.gates.documents import RULES, make_document, make_members

AT_MS = parse_ms("2026-03-03T09:00:00.000+08:00")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StationFile]:
    with StationFile(tmp_path) as made:
        yield made


def adopt(parameters: StationParameters, **changes: Any) -> bytes:
    document = make_document(**changes)
    parameters.adopt(document, parameters.read(document))
    return document


def policies(*windows: int) -> list[dict[str, Any]]:
    (policy,) = make_members()["stations"][0]["policies"]
    return [
        policy | {"version": version, "window_seconds": window}
        for version, window in enumerate(windows, 1)
    ]


def test_a_document_has_all_that_a_decision_needs() -> None:
    parameters = parse_parameters(make_document(blocked=["00" * 16]), "FHY")
    assert parameters.station_name.zh == "孵化园"
    (policy,) = parameters.policies
    assert (policy.window_ms, sorted(policy.media)) == (900_000, ["qr", "tianfutong"])
    (tariff,) = parameters.tariffs
    assert tariff.discounted(200, "tianfutong") == 180
    assert tariff.fares.highest_fare("FHY") == 1_000
    assert tariff.fares.lowest_fare("FHY") == 200
    assert tariff.calendar.cut_minutes == 240
    assert parameters.blocked == {bytes(16)}
    assert parameters.medium_patterns["tianfutong"]("3104870512345678")


def test_an_expiry_may_be_a_length_of_time() -> None:
    tariffs = make_members()["tariffs"]
    tariffs[0]["rules"] = RULES | {"journey_expiry": {"minutes": 300}}
    (tariff,) = parse_parameters(make_document(tariffs=tariffs), "FHY").tariffs
    assert tariff.journey_expiry_ms == 300 * 60_000


@pytest.mark.parametrize("place", range(0, 2_000, 97))
def test_a_document_with_a_changed_byte_is_not_used(place: int) -> None:
    document = bytearray(make_document())
    document[place % len(document)] ^= 1
    with pytest.raises(ParametersInvalid):
        parse_parameters(bytes(document), "FHY")


def test_a_truncated_document_is_not_used() -> None:
    with pytest.raises(ParametersInvalid):
        parse_parameters(make_document()[:-20], "FHY")


def test_the_order_of_members_and_new_members_do_no_harm() -> None:
    members = json.loads(make_document(something_new={"b": 1, "a": 2}))
    shuffled = json.dumps(dict(reversed(members.items()))).encode()
    assert parse_parameters(shuffled, "FHY").version == members["version"]


def test_a_document_of_other_stations_is_not_used() -> None:
    with pytest.raises(ParametersInvalid, match="station CXL"):
        parse_parameters(make_document(), "CXL")


def test_adopted_parameters_are_in_force_after_a_restart(file: StationFile) -> None:
    document = adopt(StationParameters(file, "FHY"))
    current = StationParameters(file, "FHY").current
    assert current is not None
    assert current.version == json.loads(document)["version"]


def test_a_stored_document_that_was_damaged_is_skipped(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    good = adopt(parameters)
    adopt(parameters, blocked=["00" * 16])
    with file.transaction() as sql:
        sql.execute("UPDATE parameters SET document = x'7b7d' WHERE place = 2")
    again = StationParameters(file, "FHY")
    assert again.problem is not None
    assert again.current is not None
    assert again.current.version == json.loads(good)["version"]


def test_only_so_many_documents_are_kept(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    for number in range(DOCUMENTS_KEPT + 3):
        adopt(parameters, blocked=[f"{number:032x}"])
    assert file.read("SELECT count(*) FROM parameters") == [(DOCUMENTS_KEPT,)]
    assert StationParameters(file, "FHY").is_blocked((DOCUMENTS_KEPT + 2).to_bytes(16, "big"))


def test_before_the_first_document_no_terms_are_known(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    assert parameters.find_terms(AT_MS) is None
    assert parameters.service_day(AT_MS).start_ms == parse_ms("2026-03-03T04:00:00.000+08:00")


def test_a_suspension_is_read_at_the_tap(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    stretch = {"suspended_at": "2026-03-03T09:00:00.000+08:00", "resumed_at": None, "reason": "x"}
    adopt(parameters, suspensions=[stretch])
    for at_ms, suspended in ((AT_MS - 1, False), (AT_MS, True)):
        terms = parameters.find_terms(at_ms)
        assert terms is not None
        assert terms.suspended is suspended


def test_a_journey_keeps_a_policy_that_later_documents_no_longer_have(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    adopt(parameters, policies=policies(900))
    adopt(parameters, policies=policies(900, 600)[1:])
    for known in (parameters, StationParameters(file, "FHY")):
        pinned = known.find_pinned((1, False, 1), AT_MS)
        assert pinned is not None
        assert pinned.policy is not None
        assert pinned.policy.window_ms == 900_000


def test_a_journey_of_an_unknown_version_is_decided_by_what_was_in_force(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    adopt(parameters)
    terms = parameters.find_pinned((77, False, 1), AT_MS)
    assert terms is not None
    assert terms.policy is not None
    assert terms.policy.version == 1


def test_modes_pushed_and_set_by_hand_hold_together(file: StationFile) -> None:
    parameters = StationParameters(file, "FHY")
    pushed = {
        "mode": "time_free",
        "effective_from": "2026-03-03T09:00:00.000+08:00",
        "effective_to": "2026-03-03T10:00:00.000+08:00",
        "reason": "",
    }
    adopt(parameters, degraded_modes=[pushed])
    parameters.start_mode("emergency", AT_MS + 60_000, "smoke")
    parameters.end_mode("emergency", AT_MS + 120_000)
    codes = {
        minute: parameters.find_modes(AT_MS + minute * 60_000).codes
        for minute in (-1, 0, 1, 2, 59, 60)
    }
    assert codes == {
        -1: [],
        0: ["time_free"],
        1: ["time_free", "emergency"],
        2: ["time_free"],
        59: ["time_free"],
        60: [],
    }


def test_there_is_no_mode_of_another_name(file: StationFile) -> None:
    with pytest.raises(WrongUsage, match="no mode 'party'"):
        StationParameters(file, "FHY").start_mode("party", AT_MS, "")
