"""A cache outside the process keeps the contract of caches, and what it may not trust is a miss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest

from fare_engine.catalogue import Catalogue
from fare_engine.states.codec import CODEC_VERSION, decode_state, encode_state
from fare_engine.states.sealed import Seal, SealedStates
from tests.fare_engine.ports.state_cache_contract import (
    ANNA,
    BERTA,
    CATALOGUE,
    LEFT,
    StateCacheContract,
    make_state,
)
from tests.fare_engine.small_metro import PILOT

TOKEN_KEY = b"k" * 32


class DictStore:
    """A store of bytes in a dictionary."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def get_many(self, tokens: Sequence[bytes]) -> Sequence[bytes | None]:
        return [self.values.get(token) for token in tokens]

    def set_many(self, values: Mapping[bytes, bytes]) -> None:
        self.values.update(values)

    def delete_many(self, tokens: Iterable[bytes]) -> None:
        for token in tokens:
            self.values.pop(token, None)


def make_cache(
    store: DictStore,
    catalogue: Catalogue = CATALOGUE,
    *,
    epoch: str = "1",
    token_key: bytes = TOKEN_KEY,
) -> SealedStates:
    return SealedStates(store, Seal(token_key, epoch), lambda: catalogue)


class TestSealedStates(StateCacheContract):
    def make(self) -> SealedStates:
        return make_cache(DictStore())


@pytest.fixture
def store() -> DictStore:
    """A store that holds the states of two passengers, one inside and one outside."""
    filled = DictStore()
    make_cache(filled).apply({ANNA: make_state(1), BERTA: LEFT})
    return filled


def test_another_worker_of_the_same_ledger_finds_what_was_applied(store: DictStore) -> None:
    assert make_cache(store).find([ANNA, BERTA]) == {ANNA: make_state(1), BERTA: LEFT}


def test_a_value_is_small(store: DictStore) -> None:
    assert len(store.values[ANNA]) < 80
    assert len(store.values[BERTA]) < 50


def test_what_was_sealed_in_another_epoch_is_a_miss(store: DictStore) -> None:
    cache = make_cache(store, epoch="2")
    assert cache.find([ANNA, BERTA]) == {}
    cache.apply({ANNA: LEFT})
    assert cache.find([ANNA, BERTA]) == {ANNA: LEFT}
    cache.seal = Seal(TOKEN_KEY, "3")
    assert cache.find([ANNA]) == {}, "a seal may be replaced while the process runs"


def test_what_was_sealed_by_another_ledger_is_a_miss(store: DictStore) -> None:
    assert make_cache(store, token_key=b"j" * 32).find([ANNA, BERTA]) == {}


def test_an_epoch_and_a_token_are_not_taken_for_each_other() -> None:
    content = encode_state(LEFT)
    sealed = Seal(TOKEN_KEY, "1").seal(b"2" + bytes(15), content)
    assert Seal(TOKEN_KEY, "12").open(bytes(15), sealed) is None


@pytest.mark.parametrize("token", [ANNA, BERTA], ids=["inside", "outside"])
def test_a_value_with_any_bit_flipped_is_a_miss(store: DictStore, token: bytes) -> None:
    value = store.values[token]
    cache = make_cache(store)
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        store.values[token] = bytes(flipped)
        assert cache.find([token]) == {}


def test_a_value_of_any_other_length_is_a_miss(store: DictStore) -> None:
    value = store.values[ANNA]
    cache = make_cache(store)
    for other in [value[:length] for length in range(len(value))] + [value + b"\0"]:
        store.values[ANNA] = other
        assert cache.find([ANNA]) == {}


def test_values_that_were_swapped_between_tokens_are_misses(store: DictStore) -> None:
    store.values = {ANNA: store.values[BERTA], BERTA: store.values[ANNA]}
    assert make_cache(store).find([ANNA, BERTA]) == {}


def test_an_old_value_is_found_and_says_by_its_number_that_it_is_old(store: DictStore) -> None:
    """The seal cannot know; the commit compares the number."""
    old = store.values[ANNA]
    cache = make_cache(store)
    cache.apply({ANNA: make_state(2)})
    store.values[ANNA] = old
    assert cache.find([ANNA]) == {ANNA: make_state(1)}


def test_a_state_of_another_codec_is_a_miss() -> None:
    fields = msgspec.msgpack.decode(encode_state(LEFT))
    fields[0] = CODEC_VERSION + 1
    assert decode_state(msgspec.msgpack.encode(fields), CATALOGUE) is None


@pytest.mark.parametrize("content", [b"", b"\x90", b"\xc0", b"\xff" * 20, b"{}"])
def test_what_is_no_state_is_a_miss(content: bytes) -> None:
    assert decode_state(content, CATALOGUE) is None


def test_a_state_by_a_version_that_this_worker_does_not_know_is_a_miss(store: DictStore) -> None:
    """Another worker has gone by a publication already that this one has not read."""
    newer = replace(PILOT, version=2)
    ahead = replace(CATALOGUE, policies={"FHY": (newer,)}, terms={})
    cache = make_cache(store)
    make_cache(store, ahead).apply({ANNA: make_state(3, ahead)})
    assert cache.find([ANNA, BERTA]) == {BERTA: LEFT}
    tariff = replace(CATALOGUE.tariffs[0], version=2)
    ahead = replace(CATALOGUE, tariffs=(tariff,), terms={})
    make_cache(store, ahead).apply({ANNA: make_state(3, ahead)})
    assert cache.find([ANNA]) == {}
