"""Verifies the ride codes that are sent to the engine, by the catalogue that decides now.

One verification costs some 0.1 ms of the event loop, so a batch of 1,000 codes holds up all
others for a tenth of a second: gates that upload later verify codes themselves and send their ids.
"""

from collections import Counter
from collections.abc import Callable

import structlog

from fare_engine.batch import CodeId, Finding
from fare_engine.catalogue import Catalogue
from fare_engine.decision import Reason
from fare_engine.errors import MediumIdInvalid
from fare_engine.tariff import Tariff
from fare_engine.versions import find_in_force
from gates.media.faults import Fault, RideCodeRefused
from gates.media.ride_code import SignedCode, parse
from gates.media.verifier import RideCodeVerifier

logger = structlog.get_logger(__name__)

QR = "qr"
_UNREADABLE = "qr code"
"""No medium type can have this code: so what is no ride code gets no token of an account."""

Read = tuple[bytes, Finding]


class RideCodeReader:
    """From the text of a code to the token of its account, and what was found about it."""

    def __init__(
        self,
        make_token: Callable[[str, str], bytes],
        catalogue: Catalogue,
        read_code: Callable[[str], SignedCode] = parse,
    ) -> None:
        self._make_token = make_token
        self._parse = read_code
        self.faults: Counter[Fault] = Counter()
        self._use(catalogue)

    def read(self, text: str, tap_id: str, at_ms: int, catalogue: Catalogue) -> Read:
        """The token, with the id of a good code or the reason why it is refused.

        The token depends on the text alone. So a repeated tap is the same tap, even if issuer or
        key have changed since; and a refused one changes no state.
        """
        if catalogue is not self._catalogue:
            self._use(catalogue)
        try:
            signed = self._parse(text)
        except RideCodeRefused as refused:
            return self._make_token(_UNREADABLE, text), self._refuse(refused.fault, tap_id)
        token = self._make_token(QR, signed.ride_code.medium_id)
        tariff = find_in_force(catalogue.tariffs, at_ms)
        if tariff is None:  # The engine says so before it looks at the code.
            return token, Reason.RIDE_CODE_INVALID
        try:
            ride_code = self._verifiers[tariff.version].check(signed, at_ms)
        except RideCodeRefused as refused:
            return token, self._refuse(refused.fault, tap_id)
        fits = catalogue.medium_patterns.get(QR)
        if fits is not None and not fits(ride_code.account):
            return token, MediumIdInvalid("the account does not fit a medium of type qr")
        return token, CodeId(ride_code.code_id)

    def _use(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._verifiers = {
            tariff.version: make_verifier(catalogue, tariff) for tariff in catalogue.tariffs
        }

    def _refuse(self, fault: Fault, tap_id: str) -> Reason:
        self.faults[fault] += 1
        logger.info("ride_code_refused", fault=fault.value, tap_id=tap_id)
        return fault.reason


def make_verifier(catalogue: Catalogue, tariff: Tariff) -> RideCodeVerifier:
    """What verifies codes under a tariff; KeyUnusable when a registered key cannot be used here."""
    return RideCodeVerifier(
        catalogue.issuer_keys,
        validity_ms=tariff.ride_code_validity_ms,
        tolerance_ms=tariff.clock_skew_tolerance_ms,
    )
