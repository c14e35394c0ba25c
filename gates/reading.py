"""Reading a medium at a lane: a card's number or a ride code becomes a token, and is dropped."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import structlog

from fare_engine.decision import Reason
from fare_engine.id_pattern import IdPattern
from fare_engine.issuer import IssuerKey
from fare_engine.tariff import Tariff
from fare_engine.versions import find_in_force
from gates.errors import MediumUnreadable
from gates.media import TokenMaker
from gates.media.faults import KeyUnusable, RideCodeRefused
from gates.media.ride_code import SignedCode, parse
from gates.media.signatures import make_check
from gates.media.verifier import RideCodeVerifier
from gates.parameters import Parameters

logger = structlog.get_logger(__name__)

CODE_TYPE: Final = "qr"
_UNREADABLE: Final = "qr code"
"""A text that is no ride code gets a token of no account, the same as at the engine."""


class Card(NamedTuple):
    """A card by its number, or an account that the gate verified by other means."""

    medium_type: str
    medium_id: str


class RideCode(NamedTuple):
    """A ride code as it was scanned."""

    text: str


Medium = Card | RideCode


class MediumRead(NamedTuple):
    """What a lane keeps of a medium.

    `refusal` is why a ride code opens no gate. Then its text is kept too, in memory and while the
    passenger waits: the engine may know a newer key of its issuer.
    """

    medium_type: str
    token: bytes
    code_id: str | None = None
    refusal: Reason | None = None
    code: str | None = None


class MediumReader:
    """Turns media into tokens, by the patterns and the issuers of the latest parameters."""

    def __init__(self, token_key: bytes, read_code: Callable[[str], SignedCode] = parse) -> None:
        self._parse = read_code
        self._make_token = TokenMaker(token_key).token
        self._patterns: Mapping[str, IdPattern] = {}
        self._tariffs: tuple[Tariff, ...] = ()
        self._verifiers: dict[int, RideCodeVerifier] = {}
        self._no_issuers = RideCodeVerifier(())

    def use(self, parameters: Parameters) -> None:
        """Read media by these parameters from now on."""
        keys = [key for key in parameters.issuer_keys if _is_usable(key)]
        self._patterns = parameters.medium_patterns
        self._tariffs = parameters.tariffs
        self._verifiers = {
            tariff.version: RideCodeVerifier(
                keys,
                validity_ms=tariff.ride_code_validity_ms,
                tolerance_ms=tariff.clock_skew_tolerance_ms,
            )
            for tariff in parameters.tariffs
        }

    def read(self, medium: Medium, at_ms: int) -> MediumRead:
        """The token of a medium. MediumUnreadable when this network does not take it.

        Before the first parameters no pattern is known, and none is checked.
        """
        if isinstance(medium, RideCode):
            return self._read_code(medium.text, at_ms)
        self._check_id(medium.medium_type, medium.medium_id)
        token = self._make_token(medium.medium_type, medium.medium_id)
        return MediumRead(medium.medium_type, token)

    def _read_code(self, text: str, at_ms: int) -> MediumRead:
        """Good or bad, a code gets a token, which depends on the text alone, as at the engine."""
        try:
            signed = self._parse(text)
        except RideCodeRefused as refused:
            return self._refuse(self._make_token(_UNREADABLE, text), refused, text)
        token = self._make_token(CODE_TYPE, signed.ride_code.medium_id)
        tariff = find_in_force(self._tariffs, at_ms)
        verifier = self._verifiers[tariff.version] if tariff is not None else self._no_issuers
        try:
            ride_code = verifier.check(signed, at_ms)
        except RideCodeRefused as refused:
            return self._refuse(token, refused, text)
        self._check_id(CODE_TYPE, ride_code.account)
        return MediumRead(CODE_TYPE, token, ride_code.code_id)

    def _refuse(self, token: bytes, refused: RideCodeRefused, text: str) -> MediumRead:
        logger.info("ride_code_refused", fault=refused.fault.value)
        return MediumRead(CODE_TYPE, token, refusal=refused.fault.reason, code=text)

    def _check_id(self, medium_type: str, medium_id: str) -> None:
        fits = self._patterns.get(medium_type)
        if fits is None and self._patterns:
            raise MediumUnreadable(f"there is no medium type {medium_type!r}")
        if fits is not None and not fits(medium_id):
            raise MediumUnreadable(f"the id does not fit a medium of type {medium_type}")


def _is_usable(key: IssuerKey) -> bool:
    """An issuer's key that cannot be used here must not stop the codes of all others."""
    try:
        make_check(key.algorithm, key.public_key)
    except KeyUnusable as error:
        logger.error("issuer_key_unusable", key_id=f"{key.issuer_id}/{key.key_id}", why=str(error))
        return False
    return True
