"""Private keys of issuers as files hold them."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from gates.media import issuing
from gates.media.faults import KeyUnusable
from tests.gates.media.codes import private_key


def test_a_private_key_survives_its_file() -> None:
    key = private_key(7)
    again = issuing.read_private_key(issuing.to_pem(key))
    assert issuing.public_bytes(again) == issuing.public_bytes(key)


def test_new_keys_differ() -> None:
    keys = {issuing.public_bytes(issuing.generate_private_key()) for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}


def test_keys_made_by_openssl_are_read() -> None:
    private = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIp6Y9Ruizb/AE06xxMql01DGnu5I3Zoq3yTHwZKTVBv
-----END PRIVATE KEY-----
"""
    public = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA5KFqf7zTHLwFAeU7VLLFl/+mvHAXX/rvU2WhPRBrNeQ=
-----END PUBLIC KEY-----
"""
    key = issuing.read_private_key(private)
    assert issuing.read_public_key(public) == issuing.public_bytes(key)


def _pem(password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return private_key(1).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _other_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("pem", [b"", b"no key", _pem(b"secret"), _other_pem()])
def test_a_file_without_a_usable_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(KeyUnusable, match="must be a PEM file with an Ed25519 private key"):
        issuing.read_private_key(pem)


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(KeyUnusable, match="must be a PEM file with an Ed25519 public key"):
        issuing.read_public_key(_pem())
