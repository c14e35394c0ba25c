"""What a request puts into the log is short, and is never a line of its own."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from api.runtime.log_values import DEPTH_MAX, TRACEBACK_CHARS_MAX, bound_values, write_traceback
from api.runtime.logs import configure_logs
from api.runtime.settings import Settings

FORGED = "x\n2026-11-27T00:00:00Z [info     ] listening\r\x1b[2J\x85\u2028\u202e"


def bound(value: Any) -> Any:
    return bound_values(None, "", {"value": value})["value"]


def test_long_values_are_cut_and_say_how_long_they_were() -> None:
    assert bound("a" * 500) == "a" * 500
    assert bound("a" * 8_192) == "a" * 500 + "… (8192 characters)"
    assert len(bound(["a" * 8_192] * 1_000)) == 50
    assert len(bound({str(number): number for number in range(1_000)})) == 50
    assert len(bound(10**4_000)) < 600
    assert len(bound(b"a" * 8_192)) < 600


def test_deep_values_are_cut() -> None:
    value: Any = "x"
    for _ in range(DEPTH_MAX + 100):
        value = [value]
    assert len(json.dumps(bound(value))) < 300


def test_ordinary_values_stay_as_they_are() -> None:
    values = [None, True, -7, 0.5, "孵化园站", {"a": ["b", 1]}]
    assert bound(values) == values


@pytest.mark.parametrize("value", [FORGED, [FORGED], {FORGED: FORGED}, ValueError(FORGED)])
def test_control_characters_become_escapes(value: Any) -> None:
    assert str(bound(value)).isprintable()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the card 3104870512345678 again", "the card ****5678 again"),
        ("3104 8705 1234 5678 90", "****8 90"),
        ("3104-8705-1234-5678", "****5678"),
        ("Bearer fe_gate_AbC-123_x: no", "Bearer fe_gate_…: no"),
        ("FHY-A-01.20211124.000173", "FHY-A-01.20211124.000173"),
        ("2026-11-27T21:28:45.123456Z", "2026-11-27T21:28:45.123456Z"),
        ("2026-11-27 21:28:45", "2026-11-27 21:28:45"),
        ("process 123456789", "process 123456789"),
    ],
)
def test_what_may_be_a_card_or_a_key_is_masked(text: str, masked: str) -> None:
    assert bound(text) == masked
    assert text == masked or text not in fail(text)


def test_a_card_at_the_end_of_what_is_kept_is_masked_too() -> None:
    assert "31048705" not in bound("a" * 491 + " 3104870512345678 " + "b" * 100)


def fail(message: str) -> str:
    output = io.StringIO()
    try:
        raise ValueError(message)
    except ValueError as error:
        write_traceback(output, (ValueError, error, error.__traceback__))
    return output.getvalue()


def test_a_traceback_is_indented_and_its_error_forges_no_line() -> None:
    lines = fail(FORGED).removeprefix("\n").split("\n")
    assert lines[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") and line.isprintable() for line in lines)


def test_a_traceback_is_cut_in_its_middle() -> None:
    text = fail("a" * 100_000 + " is the end")
    assert len(text) < TRACEBACK_CHARS_MAX + 100
    assert text.startswith("\n    Traceback")
    assert text.endswith(" is the end")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_line_is_forged_in_either_format(
    log_format: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    try:
        configure_logs(Settings(log_format=log_format))
        try:
            raise ValueError(FORGED)
        except ValueError:
            structlog.get_logger("a").exception("request_failed", path=FORGED)
        logging.getLogger("uvicorn.error").warning("Invalid %s", FORGED)
    finally:
        structlog.reset_defaults()
    lines = capsys.readouterr().err.split("\n")
    begun = [line for line in lines if line and not line.startswith("    ")]
    assert len(begun) == 2
    assert "request_failed" in begun[0]
    assert "Invalid" in begun[1]
    assert all(line.isprintable() for line in lines)
