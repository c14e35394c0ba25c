"""What can be wrong with a ride code, or with a key of its issuer.

::

    KeyUnusable        no public key, or none of an algorithm that can be verified here
    RideCodeRefused    a code that opens no gate; `fault` says precisely why
"""

from enum import Enum
from typing import TYPE_CHECKING

from fare_engine.decision import Reason
from fare_engine.errors import FareEngineError

if TYPE_CHECKING:
    from gates.media.ride_code import RideCode


class Fault(Enum):
    """Why a code is refused. The values are in logs and metrics and never change."""

    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    CLAIMS_WRONG = "claims-wrong"
    ISSUER_UNKNOWN = "issuer-unknown"
    KEY_UNKNOWN = "key-unknown"
    ALGORITHM_WRONG = "algorithm-wrong"
    SIGNATURE_WRONG = "signature-wrong"
    KEY_NOT_IN_FORCE = "key-not-in-force"
    TOO_OLD = "too-old"
    ISSUED_LATER = "issued-later"

    @property
    def reason(self) -> Reason:
        """The reason of the decision, which says less: it is shown to the holder of the code."""
        if self in (Fault.TOO_OLD, Fault.ISSUED_LATER):
            return Reason.RIDE_CODE_EXPIRED
        return Reason.RIDE_CODE_INVALID

    @property
    def description(self) -> str:
        """What it means, for operators."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Fault.TRUNCATED: "a part of the code is missing",
    Fault.MALFORMED: "this is no ride code",
    Fault.CLAIMS_WRONG: "the claims are not those of a ride code",
    Fault.ISSUER_UNKNOWN: "no such issuer is registered",
    Fault.KEY_UNKNOWN: "the issuer has no such key",
    Fault.ALGORITHM_WRONG: "the key is not for the algorithm that the code names",
    Fault.SIGNATURE_WRONG: "the issuer's key did not sign this",
    Fault.KEY_NOT_IN_FORCE: "the issuer's key was not in force when the code was issued",
    Fault.TOO_OLD: "the code was issued too long before the tap",
    Fault.ISSUED_LATER: "the code was issued too long after the tap",
}


class KeyUnusable(FareEngineError):
    """The key cannot be used; the text says why and never shows a private key."""

    code = "key-unusable"


class RideCodeRefused(FareEngineError):
    """A code that opens no gate.

    `ride_code` is its content, where that can be read: unless the fault is one of time, it may be
    forged. The text names no account.
    """

    code = "ride-code-refused"

    def __init__(self, fault: Fault, ride_code: "RideCode | None" = None) -> None:
        super().__init__(fault.description)
        self.fault = fault
        self.ride_code = ride_code
