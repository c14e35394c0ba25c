"""Patterns of media's ids: what fits, what may not be registered, and that none is slow."""

import pytest

from fare_engine.id_pattern import (
    IdPatternInvalid,
    check_id_pattern,
    compile_id_pattern,
    compile_id_patterns,
)


def test_an_id_fits_as_a_whole() -> None:
    fits = compile_id_pattern("[0-9]{10,20}|x")
    assert fits("3104870512345678")
    assert fits("x")
    for medium_id in ("x1", "1" * 9, "1" * 21, "1" * 10 + "\n", " " + "1" * 10, ""):
        assert not fits(medium_id)


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "([0-9]+)+x", "(a|aa)+$b", "(a*)*b", "a*" * 90 + "b", "(.*a){12}b"]
)
def test_no_id_makes_a_pattern_slow(pattern: str) -> None:
    check_id_pattern(pattern)
    fits = compile_id_pattern(pattern)
    assert not fits("a" * 64)
    assert not fits("1" * 64)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "backreferences are not supported"),
        ("(?<!a)b", "look-around"),
        ("(?P=name)", "bounded time"),
        ("a)(b", "unopened group"),
        ("(?x)a #", "bounded time"),
        ("(.{64}){64}", "too large"),
        ("(((a{0,64}){0,64}){0,64}){0,64}", "exceeds size limit"),
        ("a" * 201, "more than 200 characters"),
    ],
)
def test_what_cannot_be_bounded_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(IdPatternInvalid, match=why):
        check_id_pattern(pattern)


@pytest.mark.parametrize("pattern", ["[0-9]{10,20}", r"\d{1,20}", ".{1,64}", r"\S+", "[a-z]{64}"])
def test_what_issuers_use_may_be_registered(pattern: str) -> None:
    check_id_pattern(pattern)


def test_a_stored_pattern_that_cannot_be_evaluated_fits_nothing() -> None:
    patterns = compile_id_patterns({"old": r"(.)\1", "qr": "[a-z]+"})
    assert not patterns["old"]("aa")
    assert patterns["qr"]("aa")
