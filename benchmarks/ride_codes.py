"""Ride codes: how many a second one process verifies, from the text to the account."""

import time

from fare_engine.issuer import ED25519, SM2, IssuerKey
from gates.media.issuing import RideCodeIssuer, generate_private_key, public_bytes
from gates.media.ride_code import RideCode, write
from gates.media.signatures import SM2_SIGNER_ID
from gates.media.verifier import RideCodeVerifier

NOON_MS = 1_637_726_400_000


def codes_a_second(count: int) -> float:
    """Verify so many codes, signed with Ed25519 and made beforehand."""
    return _rate(*make_codes(count))


def make_codes(count: int) -> tuple[RideCodeVerifier, list[str]]:
    """So many codes, each for its own account, and who verifies them."""
    private_key = generate_private_key()
    issuer = RideCodeIssuer("bench", "1", private_key)
    codes = [issuer.issue(f"account{number:08}", NOON_MS) for number in range(count)]
    key = IssuerKey("bench", "1", ED25519, public_bytes(private_key), 0)
    return RideCodeVerifier([key]), codes


def sm2_codes_a_second(count: int) -> float:
    """The same with SM2, in pure Python."""
    import gmalg  # noqa: PLC0415  An extra.

    private_key, public_key = gmalg.SM2().generate_keypair()
    signer = gmalg.SM2(private_key, SM2_SIGNER_ID, public_key)

    def sign(message: bytes) -> bytes:
        return b"".join(part.rjust(32, b"\0") for part in signer.sign(message))

    codes = [
        write(RideCode("bench", "1", f"account{number:08}", NOON_MS, bytes(8)), SM2, sign)
        for number in range(count)
    ]
    return _rate(RideCodeVerifier([IssuerKey("bench", "1", SM2, public_key, 0)]), codes)


def verify_all(verifier: RideCodeVerifier, codes: list[str]) -> list[RideCode]:
    """What they say, one after the other."""
    return [verifier.verify(code, NOON_MS) for code in codes]


def _rate(verifier: RideCodeVerifier, codes: list[str]) -> float:
    begun = time.perf_counter()
    verify_all(verifier, codes)
    return len(codes) / (time.perf_counter() - begun)
