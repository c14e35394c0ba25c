"""Telephones that show ride codes: renewed every few seconds, by clocks that may be wrong.

Two telephones of one account show the same code at the same time: one of them is a screenshot.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fare_engine.issuer import ED25519, IssuerKey
from gates.media import TokenMaker
from gates.media.issuing import RideCodeIssuer, public_bytes
from gates.media.ride_code import parse
from simulator.auditor.requests import RideCode

ISSUER_ID: Final = "app"
KEY_ID: Final = "k1"
_KEY: Final = Ed25519PrivateKey.from_private_bytes(b"a key of the issuer of all codes")
_ISSUER: Final = RideCodeIssuer(ISSUER_ID, KEY_ID, _KEY)
_FORGER: Final = RideCodeIssuer(
    ISSUER_ID, KEY_ID, Ed25519PrivateKey.from_private_bytes(b"a key that nobody has registered")
)
ISSUER_KEY: Final = IssuerKey(ISSUER_ID, KEY_ID, ED25519, public_bytes(_KEY), 0)

_CODES_MAX: Final = 30_000
_UNREADABLE: Final = "code "
"""How the auditor names the medium of a code that nobody ever issued."""


class Phone(NamedTuple):
    """How somebody's telephone shows codes. `fault`: "forged", "cut", or none."""

    renews_s: int
    clock_ms: int
    fault: str = ""


class Shown(NamedTuple):
    """A code on a screen, and what is true of it; None where it is no code."""

    text: str
    facts: RideCode | None


@lru_cache(_CODES_MAX)
def _show(account: str, issued_s: int, fault: str) -> Shown:
    one_time_id = sha256(f"{account} {issued_s}".encode()).digest()[:8]
    issuer = _FORGER if fault == "forged" else _ISSUER
    text = issuer.issue(account, issued_s * 1_000, one_time_id=one_time_id)
    if fault == "cut":
        return Shown(text[:-7], None)
    code_id = f"{issued_s:08x}.{ISSUER_ID}.{one_time_id.hex()}"
    return Shown(text, RideCode(account, issued_s * 1_000, code_id, not fault))


def show_code(phone: Phone, account: str, now_ms: int) -> Shown:
    """What the screen shows at this moment."""
    shows_ms = now_ms + phone.clock_ms
    issued_s = shows_ms // (phone.renews_s * 1_000) * phone.renews_s
    return _show(account, issued_s, phone.fault)


parse_once: Final = lru_cache(_CODES_MAX)(parse)
"""Reads codes as gates and engine do; a code that many of them see is read once."""


def name_token(make: TokenMaker, medium_type: str, medium_id: str) -> str:
    """The token of a medium, for the auditor; of what is no ride code, that of its text."""
    if medium_id.startswith(_UNREADABLE):
        return make.token("qr code", medium_id.removeprefix(_UNREADABLE)).hex()
    return make.token(medium_type, medium_id).hex()
