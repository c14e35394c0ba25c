"""Tokens of media: the keyed hash that the standard library computes, only sooner."""

import hashlib
import hmac
import random

import pytest

from gates.media import TOKEN_BYTES, TokenMaker

KEY = bytes(range(32))


@pytest.mark.parametrize("key_bytes", [32, 63, 64, 65, 128])
def test_a_token_is_the_beginning_of_an_hmac(key_bytes: int) -> None:
    chance = random.Random(key_bytes)
    key = chance.randbytes(key_bytes)
    maker = TokenMaker(key)
    for length in range(1, 200):
        medium_id = "".join(chance.choices("0123456789abc.@", k=length))
        full = hmac.digest(key, f"tianfutong:{medium_id}".encode(), hashlib.sha256)
        assert maker.token("tianfutong", medium_id) == full[:TOKEN_BYTES]


def test_a_known_token_never_changes_since_ledgers_hold_it() -> None:
    token = TokenMaker(KEY).token("tianfutong", "3104870512345678")
    assert token.hex() == "7a9a8d4efaa04e4a699922a162739a99"


def test_type_key_and_id_each_change_the_token() -> None:
    maker = TokenMaker(KEY)
    tokens = {
        maker.token("tianfutong", "3104870512345678"),
        maker.token("qr", "3104870512345678"),
        maker.token("tianfutong", "3104870512345679"),
        TokenMaker(KEY[::-1]).token("tianfutong", "3104870512345678"),
    }
    assert len(tokens) == 4


def test_making_a_token_leaves_nothing_behind() -> None:
    maker = TokenMaker(KEY)
    first = maker.token("qr", "anna")
    maker.token("qr", "bob")
    assert maker.token("qr", "anna") == first


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes, not 31"):
        TokenMaker(KEY[:31])


def test_neither_key_nor_medium_shows_in_its_text() -> None:
    maker = TokenMaker(KEY)
    maker.token("qr", "anna")
    assert KEY.hex() not in repr(maker)
    assert "anna" not in repr(maker)
