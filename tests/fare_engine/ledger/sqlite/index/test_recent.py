"""Rows by key: the latest is found, however many tables there are."""

import random
from itertools import pairwise

from fare_engine.ledger.sqlite.index.recent import SMALL_MAX, TABLES_MAX, Recent


def test_it_finds_what_one_dictionary_would() -> None:
    chance = random.Random(3)
    for _ in range(30):
        recent, plain = Recent({"old": 1}), {"old": 1}
        for row in range(2, chance.randint(3, 60)):
            size = chance.choice((1, 5, SMALL_MAX // 2, SMALL_MAX))
            rows = {f"k{chance.randrange(4_000)}": row * 10_000 + n for n in range(size)}
            plain.update(rows)
            recent.add(rows)
            if chance.random() < 0.2:
                key = f"k{chance.randrange(4_000)}"
                assert recent.find(key) == plain.get(key)
        assert {key: recent.find(key) for key in plain} == plain
        assert set(recent) == set(plain)
        assert len(recent) >= len(plain)
        assert recent.find("never") is None


def test_what_came_later_is_found_first_after_an_extension() -> None:
    recent = Recent({"a": 1, "b": 1})
    later = Recent({"a": 2, "c": 2})
    later.add({"c": 3})
    recent.extend(later)
    assert [recent.find(key) for key in "abc"] == [2, 1, 3]


def test_looking_for_something_in_a_burst_puts_its_tables_together() -> None:
    recent: Recent[int] = Recent()
    for row in range(1, TABLES_MAX + 2):
        recent.add({row * SMALL_MAX + n: row for n in range(SMALL_MAX)})
    assert len(recent._small) == TABLES_MAX + 1
    assert recent.find(SMALL_MAX) == 1
    assert not recent._small


def test_it_is_given_up_a_little_at_a_time() -> None:
    recent = Recent(dict.fromkeys(range(2 * SMALL_MAX + 1), 1))
    for row in range(3):
        recent.add({-row * SMALL_MAX - n: row for n in range(SMALL_MAX)})
    left = [len(recent)]
    while recent.give_up_some():
        left.append(len(recent))
    sizes = [before - after for before, after in pairwise(left)]
    assert max(sizes) <= SMALL_MAX
    assert len(recent) == 0
