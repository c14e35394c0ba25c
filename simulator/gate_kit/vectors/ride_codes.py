"""Vectors of ride codes: what a code says, and whether it is good at an instant."""

from base64 import urlsafe_b64encode
from typing import Any, Final

import base45
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.contract.times import format_ms
from fare_engine.issuer import ED25519, IssuerKey
from gates.media.faults import RideCodeRefused
from gates.media.issuing import RideCodeIssuer, public_bytes
from gates.media.ride_code import PREFIX
from gates.media.verifier import TOLERANCE_MS, VALIDITY_MS, RideCodeVerifier

ISSUER: Final = "metro"
ISSUED_MS: Final = 1_637_712_930_000
SEEDS: Final = {"1": bytes([1]) * 32, "2": bytes([2]) * 32, "3": bytes([3]) * 32}
"""Private keys, published: no issuer of an installation has one of them."""

_FROM_MS: Final = ISSUED_MS - 86_400_000
_UNTIL_MS: Final = ISSUED_MS - 3_600_000
_ID: Final = b"12345678"
_AGE_MAX_MS: Final = VALIDITY_MS + TOLERANCE_MS


def make_keys() -> list[IssuerKey]:
    """The keys that are registered: 1, and 2, which has ended an hour before; 3 is not."""
    return [
        IssuerKey(ISSUER, "1", ED25519, _public("1"), _FROM_MS, None),
        IssuerKey(ISSUER, "2", ED25519, _public("2"), _FROM_MS, _UNTIL_MS),
    ]


def make_ride_codes() -> dict[str, Any]:
    """Codes with the tap's instant, and what a verifier says; a fault has its reason beside it."""
    verifier = RideCodeVerifier(make_keys())
    keys = [
        {
            "issuer_id": key.issuer_id,
            "key_id": key.key_id,
            "algorithm": key.algorithm,
            "public_key": urlsafe_b64encode(key.public_key).decode().rstrip("="),
            "private_key": SEEDS[key.key_id].hex(),
            "valid_from": _format(key.valid_from_ms),
            "valid_to": None if key.valid_to_ms is None else _format(key.valid_to_ms),
        }
        for key in make_keys()
    ]
    return {
        "keys": keys,
        "ride_code_validity_ms": VALIDITY_MS,
        "clock_skew_tolerance_ms": TOLERANCE_MS,
        "cases": [_case(verifier, *case) for case in _list_codes()],
    }


def _list_codes() -> list[tuple[str, str, int]]:
    good = _issue("1")
    packed = bytearray(base45.b45decode(good.removeprefix(PREFIX).encode()))
    packed[-1] ^= 1
    changed = PREFIX + base45.b45encode(bytes(packed)).decode()
    age_ms = _AGE_MAX_MS
    return [
        ("good", good, ISSUED_MS + 9_000),
        ("good, of a companion", _issue("1", companion=3), ISSUED_MS),
        ("good at the last millisecond", good, ISSUED_MS + age_ms),
        ("a millisecond too old", good, ISSUED_MS + age_ms + 1),
        ("good at the first millisecond", good, ISSUED_MS - age_ms),
        ("a millisecond too early", good, ISSUED_MS - age_ms - 1),
        ("one bit of the signature changed", changed, ISSUED_MS),
        ("signed by another key than it names", _issue("1", signer="3"), ISSUED_MS),
        ("a key that is not registered", _issue("3"), ISSUED_MS),
        ("an issuer that is not registered", _issue("1", issuer="bank"), ISSUED_MS),
        ("a key that had ended when it was issued", _issue("2"), ISSUED_MS),
        ("cut off", good[:-9], ISSUED_MS),
        ("without its prefix", good.removeprefix(PREFIX), ISSUED_MS),
        ("in small letters", good.lower(), ISSUED_MS),
        ("with something added", good + "00", ISSUED_MS),
        ("no ride code", "https://example.org/", ISSUED_MS),
        ("nothing", "", ISSUED_MS),
    ]


def _case(verifier: RideCodeVerifier, name: str, code: str, at_ms: int) -> dict[str, Any]:
    case: dict[str, Any] = {"name": name, "code": code, "occurred_at": _format(at_ms)}
    try:
        ride_code = verifier.verify(code, at_ms)
    except RideCodeRefused as refused:
        return case | {
            "good": False,
            "fault": refused.fault.value,
            "reason": refused.fault.reason.code,
        }
    return case | {
        "good": True,
        "account": ride_code.account,
        "companion": ride_code.companion,
        "medium_id": ride_code.medium_id,
        "issued_at": _format(ride_code.issued_at_ms),
        "code_id": ride_code.code_id,
    }


def _issue(key_id: str, issuer: str = ISSUER, signer: str | None = None, companion: int = 0) -> str:
    private_key = Ed25519PrivateKey.from_private_bytes(SEEDS[signer or key_id])
    issuing = RideCodeIssuer(issuer, key_id, private_key)
    return issuing.issue("account-7", ISSUED_MS, companion=companion, one_time_id=_ID)


def _public(key_id: str) -> bytes:
    return public_bytes(Ed25519PrivateKey.from_private_bytes(SEEDS[key_id]))


def _format(at_ms: int) -> str:
    return format_ms(at_ms, "Asia/Shanghai")
