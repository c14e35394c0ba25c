"""Verifies ride codes, at the engine and at a gate without it. Needs neither database nor clock.

A code is good when a registered key of its issuer signed it, that key was in force when the code
was issued, and the code was issued about when it was tapped. Whether it was used before, only the
engine knows.
"""

from collections.abc import Iterable
from typing import Final

from fare_engine.issuer import IssuerKey
from gates.media.faults import Fault, RideCodeRefused
from gates.media.ride_code import COSE_ALGORITHMS, RideCode, SignedCode, parse
from gates.media.signatures import IsSignature, make_check

VALIDITY_MS: Final = 30_000
TOLERANCE_MS: Final = 30_000


class RideCodeVerifier:
    """Verifies codes by the keys of their issuers.

    A code is fresh while ``|occurred_at - issued_at| <= validity + tolerance``, both ends included:
    the clocks of telephones are as often ahead as behind. `tolerance_ms` is what gate clocks may
    be wrong by. KeyUnusable when one of the keys cannot be used.
    """

    def __init__(
        self,
        keys: Iterable[IssuerKey],
        *,
        validity_ms: int = VALIDITY_MS,
        tolerance_ms: int = TOLERANCE_MS,
    ) -> None:
        self._age_max_ms = validity_ms + tolerance_ms
        self._keys: dict[tuple[str, str], tuple[IssuerKey, IsSignature]] = {
            (key.issuer_id, key.key_id): (key, make_check(key.algorithm, key.public_key))
            for key in keys
        }
        self._issuers = {issuer_id for issuer_id, _ in self._keys}

    def verify(self, text: str, occurred_at_ms: int) -> RideCode:
        """The content of a code that is good at this instant of the gate's clock.

        RideCodeRefused says why it is not good.
        """
        return self.check(parse(text), occurred_at_ms)

    def check(self, signed: SignedCode, occurred_at_ms: int) -> RideCode:
        """The same, of a code that was read already."""
        ride_code = signed.ride_code
        fault = self._find_fault(signed) or self._find_fault_of_time(ride_code, occurred_at_ms)
        if fault is not None:
            raise RideCodeRefused(fault, ride_code)
        return ride_code

    def _find_fault(self, signed: SignedCode) -> Fault | None:
        ride_code = signed.ride_code
        known = self._keys.get((ride_code.issuer_id, ride_code.key_id))
        if known is None:
            is_known = ride_code.issuer_id in self._issuers
            return Fault.KEY_UNKNOWN if is_known else Fault.ISSUER_UNKNOWN
        key, is_signature = known
        if COSE_ALGORITHMS[key.algorithm] != signed.cose_algorithm:
            return Fault.ALGORITHM_WRONG
        if not is_signature(signed.message, signed.signature):
            return Fault.SIGNATURE_WRONG
        if not key.covers(ride_code.issued_at_ms):
            return Fault.KEY_NOT_IN_FORCE
        return None

    def _find_fault_of_time(self, ride_code: RideCode, occurred_at_ms: int) -> Fault | None:
        age_ms = occurred_at_ms - ride_code.issued_at_ms
        if age_ms > self._age_max_ms:
            return Fault.TOO_OLD
        if age_ms < -self._age_max_ms:
            return Fault.ISSUED_LATER
        return None
