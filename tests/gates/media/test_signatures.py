"""SM2 behind the same interface: an issuer with such a key, and codes that are changed."""

import sys

import gmalg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fare_engine.issuer import ED25519, SM2, IssuerKey
from gates.media import signatures
from gates.media.faults import Fault, KeyUnusable, RideCodeRefused
from gates.media.issuing import public_bytes
from gates.media.ride_code import RideCode, write
from gates.media.signatures import SM2_SIGNER_ID, make_check
from gates.media.verifier import RideCodeVerifier
from tests.gates.media.codes import NOON_MS, private_key

PRIVATE = bytes(range(1, 33))
PUBLIC = gmalg.SM2().generate_pk(PRIVATE)
SAID = RideCode("metro", "sm2", "anna", NOON_MS, b"12345678")


def _sign(message: bytes) -> bytes:
    parts = gmalg.SM2(PRIVATE, SM2_SIGNER_ID, PUBLIC).sign(message)
    return b"".join(part.rjust(32, b"\0") for part in parts)  # one in 128 begins with a zero


def test_a_cached_signature_makes_no_other_good() -> None:
    key = Ed25519PrivateKey.from_private_bytes(PRIVATE)
    is_signature = make_check(ED25519, public_bytes(key))
    message = b"what the key signed"
    signature = key.sign(message)
    for _ in range(2):  # computed, and remembered
        assert is_signature(message, signature)
        assert not is_signature(message + b"!", signature)
        assert not is_signature(message, signature[:-1] + b"!")
        assert not is_signature(signature[-1:] + message, signature[:-1])
        assert not is_signature(message[1:], signature + message[:1])
    another = make_check(ED25519, public_bytes(Ed25519PrivateKey.generate()))
    assert not another(message, signature)


def test_the_latest_good_signatures_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "VERIFIED_MAX", 2)
    monkeypatch.setattr(signatures, "_verified", {})
    key = Ed25519PrivateKey.from_private_bytes(PRIVATE)
    is_signature = make_check(ED25519, public_bytes(key))
    for message in (b"one", b"two", b"three", b"one"):
        assert is_signature(message, key.sign(message))
        assert len(signatures._verified) <= 2


def test_the_example_of_the_standard_is_verified() -> None:
    # GM/T 0003.5 (the recommended curve), annex A.2.
    public_key = bytes.fromhex(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    signature = bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    )
    is_signature = make_check(SM2, public_key)
    assert is_signature(b"message digest", signature)
    assert not is_signature(b"message digesT", signature)
    assert not is_signature(b"message digest", signature[:-1])
    assert not is_signature(b"message digest", signature[:-1] + b"\0")
    assert not is_signature(b"message digest", bytes(64))
    assert not is_signature(b"message digest", b"\xff" * 64)


def test_a_code_signed_with_sm2_is_taken() -> None:
    verifier = RideCodeVerifier([IssuerKey("metro", "sm2", SM2, PUBLIC, 0)])
    code = write(SAID, SM2, _sign)
    assert verifier.verify(code, NOON_MS) == SAID
    with pytest.raises(RideCodeRefused) as refused:
        verifier.verify(code, NOON_MS + 60_001)
    assert refused.value.fault is Fault.TOO_OLD


@pytest.mark.parametrize(("said", "pinned"), [(SM2, ED25519), (ED25519, SM2)])
def test_the_key_names_the_algorithm_and_never_the_code(said: str, pinned: str) -> None:
    public = {SM2: PUBLIC, ED25519: private_key(2).public_key().public_bytes_raw()}
    sign = {SM2: _sign, ED25519: private_key(2).sign}
    verifier = RideCodeVerifier([IssuerKey("metro", "sm2", pinned, public[pinned], 0)])
    for signer in (said, pinned):
        with pytest.raises(RideCodeRefused) as refused:
            verifier.verify(write(SAID, said, sign[signer]), NOON_MS)
        assert refused.value.fault is Fault.ALGORITHM_WRONG


def test_without_the_extra_an_sm2_key_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmalg", None)
    with pytest.raises(KeyUnusable, match=r"fare-engine\[sm2\]"):
        make_check(SM2, PUBLIC)
