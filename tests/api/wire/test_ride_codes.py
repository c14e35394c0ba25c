"""Codes sent to the engine: by the keys, the tariff and the media that are in force now."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from api.wire.ride_codes import RideCodeReader
from fare_engine.batch import CodeId
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import MediumIdInvalid
from gates.media import TokenMaker
from gates.media.faults import Fault, KeyUnusable
from gates.media.issuing import RideCodeIssuer
from tests.fare_engine.small_metro import NETWORK, TARIFF
from tests.gates.media.codes import KEYS, METRO, NOON_MS, issuer_key, private_key

MAKER = TokenMaker(b"k" * 32)
CATALOGUE = Catalogue(NETWORK, tariffs=(TARIFF,), issuer_keys=KEYS)
CODE = METRO.issue("anna", NOON_MS)


@pytest.fixture
def reader() -> RideCodeReader:
    return RideCodeReader(MAKER.token, CATALOGUE)


def test_validity_and_tolerance_are_those_of_the_tariff_at_the_tap(reader: RideCodeReader) -> None:
    hasty = replace(
        TARIFF,
        version=2,
        effective_from_ms=NOON_MS + 20_000,
        ride_code_validity_ms=15_000,
        clock_skew_tolerance_ms=10_000,
    )
    changed = replace(CATALOGUE, tariffs=(TARIFF, hasty))
    for at_ms, good in ((-60_000, True), (-60_001, False), (25_000, True), (25_001, False)):
        _, found = reader.read(CODE, "tap", NOON_MS + at_ms, changed)
        assert isinstance(found, CodeId) == good
        assert good or found is Reason.RIDE_CODE_EXPIRED


def test_a_key_counts_from_the_next_catalogue_on(reader: RideCodeReader) -> None:
    code = RideCodeIssuer("new", "1", private_key(5)).issue("anna", NOON_MS)
    assert reader.read(code, "tap", NOON_MS, CATALOGUE)[1] is Reason.RIDE_CODE_INVALID
    key = issuer_key("new", "1", 5)
    changed = replace(CATALOGUE, issuer_keys=(*KEYS, key))
    assert isinstance(reader.read(code, "tap", NOON_MS, changed)[1], CodeId)
    changed = replace(CATALOGUE, issuer_keys=(*KEYS, key._replace(valid_to_ms=NOON_MS)))
    assert reader.read(code, "tap", NOON_MS, changed)[1] is Reason.RIDE_CODE_INVALID


def test_the_token_is_the_same_whatever_becomes_of_the_key(reader: RideCodeReader) -> None:
    good, _ = reader.read(CODE, "tap", NOON_MS, CATALOGUE)
    assert good == MAKER.token("qr", "anna")
    assert reader.read(CODE, "tap", NOON_MS + 90_000, CATALOGUE)[0] == good
    assert reader.read(CODE, "tap", NOON_MS, replace(CATALOGUE, issuer_keys=()))[0] == good
    assert reader.read(CODE[:-9], "tap", NOON_MS, CATALOGUE)[0] != good


def test_a_companion_has_a_token_of_her_own(reader: RideCodeReader) -> None:
    code = METRO.issue("anna", NOON_MS, companion=2)
    token, found = reader.read(code, "tap", NOON_MS, CATALOGUE)
    assert token == MAKER.token("qr", "anna#2")
    assert isinstance(found, CodeId)


def test_without_a_tariff_no_code_is_good(reader: RideCodeReader) -> None:
    assert reader.read(CODE, "tap", -1, CATALOGUE)[1] is Reason.RIDE_CODE_INVALID


def test_an_account_must_fit_the_medium(reader: RideCodeReader) -> None:
    code = METRO.issue("ANNA", NOON_MS)
    _, found = reader.read(code, "tap", NOON_MS, CATALOGUE)
    assert isinstance(found, MediumIdInvalid)
    assert "ANNA" not in str(found)


def test_each_refused_code_is_logged_and_counted_by_its_fault(reader: RideCodeReader) -> None:
    forged = RideCodeIssuer("metro", "2", private_key(9)).issue("anna", NOON_MS)
    with capture_logs() as logs:
        reader.read(forged, "tap 1", NOON_MS, CATALOGUE)
        reader.read(CODE[:50], "tap 2", NOON_MS, CATALOGUE)
        reader.read(CODE, "tap 3", NOON_MS, CATALOGUE)
    assert [(line["tap_id"], line["fault"]) for line in logs] == [
        ("tap 1", "signature-wrong"),
        ("tap 2", "truncated"),
    ]
    assert reader.faults == {Fault.SIGNATURE_WRONG: 1, Fault.TRUNCATED: 1}
    assert "anna" not in str(logs)


def test_a_registered_key_that_cannot_be_used_here_is_told_at_the_start() -> None:
    broken = replace(CATALOGUE, issuer_keys=(KEYS[0]._replace(public_key=b"short"),))
    with pytest.raises(KeyUnusable):
        RideCodeReader(MAKER.token, broken)
