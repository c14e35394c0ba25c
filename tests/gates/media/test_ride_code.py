"""The form of a ride code: its content, its one spelling, and its ids."""

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fare_engine.issuer import ED25519
from gates.media.faults import Fault, RideCodeRefused
from gates.media.issuing import RideCodeIssuer
from gates.media.ride_code import CODE_LENGTH_MAX, RideCode, parse, write
from tests.gates.media.codes import CLAIMS, HEADER, METRO, NOON_MS, pack, private_key, signed

# Made by another implementation: cwt 3.3.0, with the private key 00 01 02 … 1f.
ELSEWHERE = bytes.fromhex(
    "d2844aa2013204453230323661a0582ea501676368656e6764750264616e6e61061a619d8080"
    "0750000102030405060708090a0b0c0d0e0f3a00010000025840b2eeb31883ba407c92c4ef39"
    "ed5b64bed3de5a025f5e922e5a23bd81b4835b7698014bc48cea496ced758e0effca7351611f"
    "438d78c0ad0953931cc2ab11dd0b"
)
CONTENT_ELSEWHERE = RideCode("chengdu", "2026a", "anna", 1_637_712_000_000, bytes(range(16)), 2)


def _fault(code: str) -> Fault:
    with pytest.raises(RideCodeRefused) as refused:
        parse(code)
    return refused.value.fault


def test_a_code_of_another_implementation_is_read_and_written_the_same() -> None:
    code = pack(cbor2.loads(ELSEWHERE))
    assert parse(code).ride_code == CONTENT_ELSEWHERE
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert write(CONTENT_ELSEWHERE, ED25519, key.sign) == code


def test_a_code_has_the_content_that_was_put_in() -> None:
    code = METRO.issue("anna", NOON_MS + 999, companion=3, one_time_id=b"12345678")
    assert parse(code).ride_code == RideCode("metro", "2", "anna", NOON_MS, b"12345678", 3)


def test_a_code_fits_the_alphabet_that_qr_codes_pack_densely() -> None:
    code = METRO.issue("a-somewhat-longer-account@chengdu", NOON_MS)
    assert set(code) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def test_the_longest_code_is_far_below_the_limit() -> None:
    issuer = RideCodeIssuer("i" * 16, "k" * 16, private_key(1))
    code = issuer.issue("a" * 62, (2**32 - 1) * 1_000, companion=9)
    assert len(code) == 315 < CODE_LENGTH_MAX
    assert parse(code).ride_code.account == "a" * 62
    assert len(parse(code).ride_code.code_id) <= 64, "as long as an id may be"


def test_ids_of_codes_are_used_once_and_rise_with_the_time_of_issue() -> None:
    codes = [parse(METRO.issue("anna", NOON_MS + s * 1_000)).ride_code for s in range(300)]
    ids = [code.code_id for code in codes]
    assert len(set(ids)) == 300
    assert ids == sorted(ids)
    assert ids[0].startswith("619db8c0.metro.")


def test_each_companion_is_a_medium_too() -> None:
    codes = [parse(METRO.issue("anna", NOON_MS, companion=number)) for number in range(10)]
    assert codes[0].ride_code.medium_id == "anna"
    assert codes[1].ride_code.medium_id == "anna#1"
    assert len({code.ride_code.medium_id for code in codes}) == 10


def test_neither_a_code_nor_a_refusal_shows_the_account() -> None:
    ride_code = parse(METRO.issue("anna", NOON_MS)).ride_code
    refused = RideCodeRefused(Fault.TOO_OLD, ride_code)
    for text in (repr(ride_code), str(ride_code), str(refused), repr(refused)):
        assert "anna" not in text


def test_every_beginning_of_a_code_is_truncated() -> None:
    code = METRO.issue("anna", NOON_MS)
    assert {_fault(code[:length]) for length in range(len(code))} == {Fault.TRUNCATED}


@pytest.mark.parametrize(
    "code",
    [
        "https://example.org/",
        "RC2:" + METRO.issue("anna", NOON_MS)[4:],
        METRO.issue("anna", NOON_MS).lower(),
        METRO.issue("anna", NOON_MS) + "\n",
        METRO.issue("anna", NOON_MS) + "000",
        "RC1:" + "A" * CODE_LENGTH_MAX,
        "RC1:乘车码",
        "RC1:\ud800",
        "RC1::::",
        pack(7),
        pack([b"", {}, b"", b""]),
        pack(cbor2.CBORTag(18, 5)),
        pack(cbor2.CBORTag(18, [b"", {}, b""])),
        pack(cbor2.CBORTag(18, [b"", {4: b"2"}, b"", b""])),
        pack(cbor2.CBORTag(18, ["", {}, "", ""])),
        signed(HEADER, CLAIMS, tag=98),
        signed(HEADER, CLAIMS, tag=17),
    ],
)
def test_a_text_without_the_form_of_a_code_is_malformed(code: str) -> None:
    assert _fault(code) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({1: "Ed25519"}, {}),
        ({4: b"k" * 17}, {}),
        ({4: "2"}, {}),
        ({4: b"\xff"}, {}),
        ({2: [1]}, {}),
        ({}, {1: None}),
        ({}, {1: "metro."}),
        ({}, {1: "m" * 17}),
        ({}, {2: ""}),
        ({}, {2: "anna#1"}),
        ({}, {2: "安娜"}),
        ({}, {2: "a" * 63}),
        ({}, {6: 1.5}),
        ({}, {6: True}),
        ({}, {6: -1}),
        ({}, {6: 2**32}),
        ({}, {7: "text"}),
        ({}, {7: b"1234567"}),
        ({}, {7: b"1" * 17}),
        ({}, {-65_537: 0}),
        ({}, {-65_537: 10}),
        ({}, {-65_537: True}),
        ({}, {-65_537: None}),
        ({}, {4: 1_900_000_000}),
        ({}, {"role": "admin"}),
    ],
)
def test_a_token_with_other_claims_is_no_ride_code(
    header: dict[Any, Any], claims: dict[Any, Any]
) -> None:
    assert _fault(signed(HEADER | header, CLAIMS | claims)) is Fault.CLAIMS_WRONG


def test_no_claim_or_header_may_be_left_out() -> None:
    assert parse(signed(HEADER, CLAIMS)).ride_code.account == "anna"
    for name in HEADER:
        header = {key: value for key, value in HEADER.items() if key != name}
        assert _fault(signed(header, CLAIMS)) is Fault.CLAIMS_WRONG
    for name in CLAIMS:
        claims = {key: value for key, value in CLAIMS.items() if key != name}
        assert _fault(signed(HEADER, claims)) is Fault.CLAIMS_WRONG
    assert _fault(signed([HEADER], CLAIMS)) is Fault.CLAIMS_WRONG
    assert _fault(signed(HEADER, [CLAIMS])) is Fault.CLAIMS_WRONG


@pytest.mark.parametrize(
    ("account", "issued_at_ms", "companion", "one_time_id"),
    [
        ("", NOON_MS, 0, None),
        ("anna#1", NOON_MS, 0, None),
        ("anna", -1, 0, None),
        ("anna", 2**32 * 1_000, 0, None),
        ("anna", NOON_MS, 10, None),
        ("anna", NOON_MS, -1, None),
        ("anna", NOON_MS, 0, b"short"),
    ],
)
def test_content_that_no_code_can_have_is_not_signed(
    account: str, issued_at_ms: int, companion: int, one_time_id: bytes | None
) -> None:
    with pytest.raises(ValueError, match="no ride code can say this"):
        METRO.issue(account, issued_at_ms, companion=companion, one_time_id=one_time_id)
