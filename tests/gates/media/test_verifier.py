"""Which codes are good: each other has a fault of its own, and no byte may be changed."""

from typing import Final

import base45
import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fare_engine.decision import Reason
from fare_engine.issuer import ED25519, SM2, IssuerKey
from gates.media.faults import Fault, KeyUnusable, RideCodeRefused
from gates.media.issuing import RideCodeIssuer
from gates.media.ride_code import PREFIX, RideCode
from gates.media.verifier import RideCodeVerifier
from tests.gates.media.codes import (
    CLAIMS,
    HEADER,
    KEYS,
    METRO,
    NOON_MS,
    VERIFIER,
    issuer_key,
    pack,
    private_key,
    signed,
    unpack,
)

CODE: Final = METRO.issue("anna", NOON_MS, one_time_id=b"12345678")
PACKED: Final = unpack(CODE)


def _refusal(code: str, at_ms: int = NOON_MS) -> RideCodeRefused:
    with pytest.raises(RideCodeRefused) as refused:
        VERIFIER.verify(code, at_ms)
    return refused.value


def _repack(packed: bytes) -> str:
    encoded: bytes = base45.b45encode(packed)
    return PREFIX + encoded.decode()


def test_a_good_code_gives_its_account() -> None:
    assert VERIFIER.verify(CODE, NOON_MS) == RideCode("metro", "2", "anna", NOON_MS, b"12345678")


@pytest.mark.parametrize("side", [-1, 1])
def test_a_code_is_good_for_validity_and_tolerance_on_both_sides_inclusive(side: int) -> None:
    assert VERIFIER.verify(CODE, NOON_MS + side * 60_000).account == "anna"
    refused = _refusal(CODE, NOON_MS + side * 60_001)
    assert refused.fault is (Fault.TOO_OLD if side > 0 else Fault.ISSUED_LATER)
    assert refused.fault.reason is Reason.RIDE_CODE_EXPIRED
    assert refused.ride_code is not None
    assert refused.ride_code.account == "anna"


def test_validity_and_tolerance_are_added() -> None:
    verifier = RideCodeVerifier(KEYS, validity_ms=1_500, tolerance_ms=250)
    assert verifier.verify(CODE, NOON_MS + 1_750).account == "anna"
    with pytest.raises(RideCodeRefused):
        verifier.verify(CODE, NOON_MS + 1_751)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (CODE[:-30], Fault.TRUNCATED),
        ("https://example.org/", Fault.MALFORMED),
        (signed(HEADER, CLAIMS | {6: None}), Fault.CLAIMS_WRONG),
        (
            RideCodeIssuer("nobody", "2", private_key(2)).issue("anna", NOON_MS),
            Fault.ISSUER_UNKNOWN,
        ),
        (RideCodeIssuer("metro", "9", private_key(2)).issue("anna", NOON_MS), Fault.KEY_UNKNOWN),
        (signed(HEADER | {1: -8}, CLAIMS), Fault.ALGORITHM_WRONG),
        (signed(HEADER | {1: -65_537}, CLAIMS), Fault.ALGORITHM_WRONG),
        (
            RideCodeIssuer("metro", "2", private_key(9)).issue("anna", NOON_MS),
            Fault.SIGNATURE_WRONG,
        ),
        (RideCodeIssuer("bank", "1", private_key(2)).issue("anna", NOON_MS), Fault.SIGNATURE_WRONG),
        (_repack(PACKED[:-1] + bytes([PACKED[-1] ^ 1])), Fault.SIGNATURE_WRONG),
        (
            RideCodeIssuer("metro", "1", private_key(1)).issue("anna", NOON_MS),
            Fault.KEY_NOT_IN_FORCE,
        ),
        (METRO.issue("anna", NOON_MS - 61_000), Fault.TOO_OLD),
        (METRO.issue("anna", NOON_MS + 61_000), Fault.ISSUED_LATER),
    ],
)
def test_each_code_that_is_refused_has_its_own_fault(code: str, fault: Fault) -> None:
    refused = _refusal(code)
    assert refused.fault is fault
    assert str(refused) == fault.description
    expired = fault in (Fault.TOO_OLD, Fault.ISSUED_LATER)
    assert fault.reason is (Reason.RIDE_CODE_EXPIRED if expired else Reason.RIDE_CODE_INVALID)


def test_a_key_counts_from_its_beginning_up_to_its_end() -> None:
    issuer = RideCodeIssuer("metro", "1", private_key(1))
    day_before_ms = NOON_MS - 24 * 3_600_000
    # The second before noon is the last that key 1 may sign; the tap may come later.
    assert VERIFIER.verify(issuer.issue("anna", NOON_MS - 1), NOON_MS + 50_000).key_id == "1"
    assert VERIFIER.verify(issuer.issue("anna", day_before_ms), day_before_ms).key_id == "1"
    assert _refusal(issuer.issue("anna", NOON_MS)).fault is Fault.KEY_NOT_IN_FORCE
    early = issuer.issue("anna", day_before_ms - 1_000)
    assert _refusal(early, day_before_ms).fault is Fault.KEY_NOT_IN_FORCE


def test_the_fault_of_a_forged_code_that_is_old_too_is_its_signature() -> None:
    forged = RideCodeIssuer("metro", "2", private_key(9)).issue("anna", NOON_MS)
    assert _refusal(forged, NOON_MS + 3_600_000).fault is Fault.SIGNATURE_WRONG


def test_no_bit_of_a_code_may_be_flipped() -> None:
    faults = set()
    for place in range(len(PACKED)):
        for bit in range(8):
            changed = bytearray(PACKED)
            changed[place] ^= 1 << bit
            faults.add(_refusal(_repack(bytes(changed))).fault)
    assert faults >= {Fault.SIGNATURE_WRONG, Fault.MALFORMED, Fault.CLAIMS_WRONG}
    assert faults.isdisjoint({Fault.TOO_OLD, Fault.ISSUED_LATER}), "found before it was verified"


def test_the_same_bytes_spelled_another_way_are_no_code() -> None:
    protected, payload = cbor2.dumps(HEADER), cbor2.dumps(CLAIMS)
    assert PACKED[:3] == b"\xd2\x84\x46"
    longer_head = b"\xd2\x84\x58\x06" + PACKED[3:]
    assert _refusal(_repack(longer_head)).fault is Fault.MALFORMED
    assert _refusal(_repack(b"\xd8\x12" + PACKED[1:])).fault is Fault.MALFORMED
    assert _refusal(_repack(PACKED + b"\0")).fault is Fault.MALFORMED
    without_tag = pack([protected, {}, payload, bytes(64)])
    assert _refusal(without_tag).fault is Fault.MALFORMED


@given(st.binary(max_size=300))
@example(b"\x84" * 300)
@example(b"\xd2\x84\x9b\x7f\xff\xff\xff\xff\xff\xff\xff")
@example(b"\xd8\x1c\x81\xd8\x1d\x00")
def test_any_bytes_are_refused(packed: bytes) -> None:
    _refusal(_repack(packed))


@given(st.text(max_size=600))
def test_any_text_is_refused(text: str) -> None:
    _refusal(text)
    _refusal(PREFIX + text)


_cbor = st.recursive(
    st.one_of(st.integers(), st.binary(), st.text(), st.booleans(), st.none(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.integers(-20, 20), st.text()), inner, max_size=5),
        st.builds(cbor2.CBORTag, st.integers(0, 100), inner),
    ),
    max_leaves=12,
)


@given(_cbor, _cbor, st.binary(max_size=70))
def test_any_header_and_claims_are_refused(header: object, claims: object, end: bytes) -> None:
    try:
        envelope = [cbor2.dumps(header), {}, cbor2.dumps(claims), end]
    except cbor2.CBORError:  # a tag that cannot be written with this content
        return
    _refusal(pack(cbor2.CBORTag(18, envelope)))


@given(st.integers(0, len(PACKED)), st.binary(max_size=8), st.integers(0, 8))
def test_a_code_with_other_bytes_in_it_is_refused(place: int, other: bytes, left_out: int) -> None:
    changed = PACKED[:place] + other + PACKED[place + left_out :]
    if changed == PACKED:
        assert VERIFIER.verify(_repack(changed), NOON_MS).account == "anna"
    else:
        _refusal(_repack(changed))


@pytest.mark.parametrize(
    ("algorithm", "public_key", "message"),
    [
        (ED25519, b"short", "an Ed25519 key has 32 bytes"),
        (SM2, b"\4" + bytes(63), "an SM2 key has 65 bytes"),
        (SM2, b"\2" + bytes(64), "an SM2 key has 65 bytes"),
        (SM2, b"\4" + b"\1" * 64, "no point of SM2's curve"),
        ("RS256", bytes(32), "must be one of Ed25519, SM2"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_at_once(
    algorithm: str, public_key: bytes, message: str
) -> None:
    with pytest.raises(KeyUnusable, match=message):
        RideCodeVerifier([IssuerKey("metro", "1", algorithm, public_key, 0)])


def test_without_keys_every_issuer_is_unknown() -> None:
    with pytest.raises(RideCodeRefused) as refused:
        RideCodeVerifier([]).verify(CODE, NOON_MS)
    assert refused.value.fault is Fault.ISSUER_UNKNOWN


def test_two_issuers_may_name_their_keys_alike() -> None:
    bank = RideCodeIssuer("bank", "1", private_key(3))
    verifier = RideCodeVerifier([issuer_key("metro", "1", 1), issuer_key("bank", "1", 3)])
    assert verifier.verify(bank.issue("anna", NOON_MS), NOON_MS).issuer_id == "bank"
