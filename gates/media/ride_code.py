"""A ride code: a CBOR Web Token (RFC 8392) in a COSE_Sign1, in characters that QR codes pack well.

``RC1:`` and then base45 (RFC 9285) of the signed token. Claims: the issuer (iss), the account
(sub), the second of issue (iat), an id that is used once (cti), and the number of a companion of
the account. How long a code is valid is not in it: the tariff says so.

A code has one spelling only. A code that is changed anywhere, within the signature or around it, is
refused.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import base45
import cbor2

from fare_engine.issuer import ED25519, ISSUER_ID_PATTERN, KEY_ID_PATTERN, SM2
from gates.media.faults import Fault, RideCodeRefused

PREFIX: Final = "RC1:"
CODE_LENGTH_MAX: Final = 512
"""The longest claims make a code of 315 characters."""

COMPANION_MAX: Final = 9
ONE_TIME_ID_BYTES_MIN: Final = 8
ONE_TIME_ID_BYTES_MAX: Final = 16

COSE_ALGORITHMS: Final = {ED25519: -19, SM2: -65_537}
"""Ed25519 is registered (RFC 9864); SM2 is not, and has a number for private use."""

_ALPHABET: Final = frozenset(base45.BASE45_CHARSET)
_SIGN1_TAG: Final = 18
_ALGORITHM, _KEY_ID = 1, 4
_ISSUER, _ACCOUNT, _ISSUED_AT, _ONE_TIME_ID, _COMPANION = 1, 2, 6, 7, -65_537
_CLAIMS: Final = {_ISSUER, _ACCOUNT, _ISSUED_AT, _ONE_TIME_ID}
_ISSUED_AT_MAX: Final = 2**32 - 1
_SECOND_MS: Final = 1_000

_is_issuer_id: Final = re.compile(ISSUER_ID_PATTERN).fullmatch
_is_key_id: Final = re.compile(KEY_ID_PATTERN).fullmatch
# Printable ASCII without "#", which divides an account from its companion's number.
_is_account: Final = re.compile(r"[!-\"$-~]{1,62}").fullmatch


class RideCode(NamedTuple):
    """The content of a ride code. `companion` 0 is the holder of the account."""

    issuer_id: str
    key_id: str
    account: str
    issued_at_ms: int
    one_time_id: bytes
    companion: int = 0

    def __repr__(self) -> str:
        """Without the account, which no log may hold."""
        return f"RideCode(code_id={self.code_id!r})"

    @property
    def medium_id(self) -> str:
        """The id of the medium, which its token is made of. Each companion is a medium too."""
        return f"{self.account}#{self.companion}" if self.companion else self.account

    @property
    def code_id(self) -> str:
        """The code's id in the ledger.

        It begins with the second of issue, so that the ids of one hour are stored side by side.
        """
        second = self.issued_at_ms // _SECOND_MS
        return f"{second:08x}.{self.issuer_id}.{self.one_time_id.hex()}"


class SignedCode(NamedTuple):
    """A code as it was read: its content, and what has to be verified."""

    ride_code: RideCode
    cose_algorithm: int
    message: bytes
    signature: bytes


def parse(text: str) -> SignedCode:
    """Read a code without verifying it. RideCodeRefused when it is malformed."""
    unpacked = _unpack(text)
    try:
        envelope = cbor2.loads(unpacked)
        protected, _, payload, signature = envelope.value
        is_right = (
            envelope.tag == _SIGN1_TAG
            and type(protected) is type(payload) is type(signature) is bytes
            # One spelling, and an empty unprotected header: nothing in it is unsigned.
            and _envelop(protected, payload, signature) == unpacked
        )
        if not is_right:
            raise RideCodeRefused(Fault.MALFORMED)
        header, claims = cbor2.loads(protected), cbor2.loads(payload)
    except cbor2.CBORDecodeEOF:
        raise RideCodeRefused(Fault.TRUNCATED) from None
    except (cbor2.CBORError, AttributeError, TypeError, ValueError):
        raise RideCodeRefused(Fault.MALFORMED) from None
    ride_code, cose_algorithm = _read_claims(header, claims)
    return SignedCode(ride_code, cose_algorithm, _to_sign(protected, payload), signature)


def write(ride_code: RideCode, algorithm: str, sign: Callable[[bytes], bytes]) -> str:
    """The signed code with this content. ValueError when no code can have it."""
    claims: dict[int, Any] = {
        _ISSUER: ride_code.issuer_id,
        _ACCOUNT: ride_code.account,
        _ISSUED_AT: ride_code.issued_at_ms // _SECOND_MS,
        _ONE_TIME_ID: ride_code.one_time_id,
    }
    if ride_code.companion:
        claims[_COMPANION] = ride_code.companion
    header = {_ALGORITHM: COSE_ALGORITHMS[algorithm], _KEY_ID: ride_code.key_id.encode()}
    try:
        written, _ = _read_claims(header, claims)
    except RideCodeRefused:
        written = None
    if written != ride_code:
        raise ValueError("no ride code can say this: an id, a time or a number is out of range")
    protected, payload = cbor2.dumps(header), cbor2.dumps(claims)
    signature = sign(_to_sign(protected, payload))
    packed: bytes = base45.b45encode(_envelop(protected, payload, signature))
    return PREFIX + packed.decode()


def _unpack(text: str) -> bytes:
    if not text.startswith(PREFIX) or len(text) > CODE_LENGTH_MAX:
        is_beginning = PREFIX.startswith(text)
        raise RideCodeRefused(Fault.TRUNCATED if is_beginning else Fault.MALFORMED)
    body = text[len(PREFIX) :]
    unpacked = _decode(body)
    if unpacked is not None:
        return unpacked
    whole, rest = divmod(len(body), 3)
    is_cut_off = rest and _ALPHABET.issuperset(body) and _decode(body[: 3 * whole]) is not None
    raise RideCodeRefused(Fault.TRUNCATED if is_cut_off else Fault.MALFORMED)


def _decode(text: str) -> bytes | None:
    try:
        decoded: bytes = base45.b45decode(text.encode())
    except ValueError:
        return None
    return decoded


def _envelop(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(_SIGN1_TAG, [protected, {}, payload, signature]))


def _to_sign(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload])


def _read_claims(header: Any, claims: Any) -> tuple[RideCode, int]:
    """The content of a token, if it has the claims of a ride code and no others."""
    if type(header) is dict and type(claims) is dict:
        key_id, algorithm = header.get(_KEY_ID), header.get(_ALGORITHM)
        issuer_id, account = claims.get(_ISSUER), claims.get(_ACCOUNT)
        issued_at, one_time_id = claims.get(_ISSUED_AT), claims.get(_ONE_TIME_ID)
        companion = claims.get(_COMPANION, 0)
        if (
            header.keys() == {_ALGORITHM, _KEY_ID}
            and claims.keys() - {_COMPANION} == _CLAIMS
            and type(algorithm) is type(issued_at) is type(companion) is int
            and type(key_id) is type(one_time_id) is bytes
            and type(issuer_id) is type(account) is str
            and _is_issuer_id(issuer_id)
            and _is_account(account)
            and _is_key_id(key_id.decode("ascii", "replace"))
            and 0 <= issued_at <= _ISSUED_AT_MAX
            and ONE_TIME_ID_BYTES_MIN <= len(one_time_id) <= ONE_TIME_ID_BYTES_MAX
            and (0 if _COMPANION not in claims else 1) <= companion <= COMPANION_MAX
        ):
            issued_at_ms = issued_at * _SECOND_MS
            return (
                RideCode(issuer_id, key_id.decode(), account, issued_at_ms, one_time_id, companion),
                algorithm,
            )
    raise RideCodeRefused(Fault.CLAIMS_WRONG)
