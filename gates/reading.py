"""Reading a medium at a lane: from a card's number or a ride code to the token, and no further.

A `CodeVerifier` says whose a ride code is, or why it opens no gate. Without one no ride code does.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from fare_engine.decision import Reason
from gates.errors import MediumUnreadable
from gates.media import TokenMaker

CODE_TYPE: Final = "qr"
CODE_LENGTH_MAX: Final = 2_048


class Card(NamedTuple):
    """A card by its number, or an account that the gate verified by other means."""

    medium_type: str
    medium_id: str


class RideCode(NamedTuple):
    """A ride code as it was scanned."""

    text: str


Medium = Card | RideCode


class VerifiedCode(NamedTuple):
    """Whose a good ride code is, and its one-time id."""

    medium_id: str
    code_id: str


CodeVerifier = Callable[[str, int], VerifiedCode | Reason]
"""A ride code and the instant of the tap; the answer is a reason when it opens no gate."""


class MediumRead(NamedTuple):
    """What a lane keeps of a medium.

    `refusal`: why a ride code opens no gate. Its text is kept then, in memory and for as long as
    the passenger stands there: the engine may know a newer key of its issuer.
    """

    medium_type: str
    token: bytes
    code_id: str | None = None
    refusal: Reason | None = None
    code: str | None = None


def refuse_all(_code: str, _at_ms: int) -> VerifiedCode | Reason:
    """Of no issuer anything is known, so no code is one of theirs."""
    return Reason.RIDE_CODE_INVALID


class MediumReader:
    """Turns media into tokens, by the patterns and the issuers of the latest parameters."""

    def __init__(self, token_key: bytes) -> None:
        self._make_token = TokenMaker(token_key).token
        self.patterns: Mapping[str, re.Pattern[str]] = {}
        self.verify: CodeVerifier = refuse_all

    def read(self, medium: Medium, at_ms: int) -> MediumRead:
        """The token of a medium. MediumUnreadable when it is none that this network takes.

        Before the first parameters no pattern is known, and none is asked for.
        """
        if isinstance(medium, RideCode):
            return self._read_code(medium.text, at_ms)
        pattern = self.patterns.get(medium.medium_type)
        if pattern is None and self.patterns:
            raise MediumUnreadable(f"there is no medium type {medium.medium_type!r}")
        if pattern is not None and pattern.fullmatch(medium.medium_id) is None:
            raise MediumUnreadable(f"the id does not fit a medium of type {medium.medium_type}")
        token = self._make_token(medium.medium_type, medium.medium_id)
        return MediumRead(medium.medium_type, token)

    def _read_code(self, text: str, at_ms: int) -> MediumRead:
        if not 0 < len(text) <= CODE_LENGTH_MAX:
            raise MediumUnreadable("this is no ride code")
        verified = self.verify(text, at_ms)
        if isinstance(verified, Reason):
            # The engine makes the token of a code it refuses in the same way.
            token = self._make_token("qr code", text)
            return MediumRead(CODE_TYPE, token, refusal=verified, code=text)
        token = self._make_token(CODE_TYPE, verified.medium_id)
        return MediumRead(CODE_TYPE, token, verified.code_id)
