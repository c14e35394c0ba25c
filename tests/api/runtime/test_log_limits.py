"""A storm of log lines is cut to a few of each kind, and one that counts the others."""

import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from api.runtime import log_limits
from api.runtime.log_limits import KINDS_MAX, LimitedHandler


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Log:
    """A handler that writes into a text, and what it wrote."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = Clock()
        self._text = io.StringIO()
        self.handler = LimitedHandler(self._text, 3, clock or self.clock)

    def write(self, message: object, **more: object) -> None:
        values = {"name": "a.module", "levelno": logging.WARNING, "msg": message, **more}
        self.handler.handle(logging.makeLogRecord(values))

    def read(self) -> list[str]:
        return self._text.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_the_first_lines_of_a_kind_are_written_and_the_rest_counted(log: Log) -> None:
    for number in range(5_000):
        log.write({"event": "not_ready", "failures": number})
    assert log.read() == [f"{{'event': 'not_ready', 'failures': {number}}}" for number in range(3)]
    log.clock.seconds += 60
    log.write({"event": "listening"})
    assert log.read()[3:] == [
        "4,997 more of these within 60 s: not_ready",
        "{'event': 'listening'}",
    ]
    assert log.handler.left_out == 4_997


def test_at_the_limit_nothing_is_left_out(log: Log) -> None:
    for _ in range(2):
        for _ in range(3):
            log.write({"event": "not_ready"})
        log.clock.seconds += 60
    log.handler.close()
    assert log.read() == ["{'event': 'not_ready'}"] * 6
    assert log.handler.left_out == 0


def test_a_storm_of_one_kind_hides_no_other(log: Log) -> None:
    for _ in range(100):
        log.write({"event": "not_ready"})
        log.write({"event": "authentication_failed", "peer": "192.0.2.1"})
    log.write({"event": "batch_failed"})
    log.write({"event": "authentication_failed", "peer": "192.0.2.2"})
    assert log.read()[-2:] == [
        "{'event': 'batch_failed'}",
        "{'event': 'authentication_failed', 'peer': '192.0.2.2'}",
    ]


def test_errors_of_another_type_are_another_kind(log: Log) -> None:
    for error in [ValueError()] * 5 + [KeyError()]:
        try:
            raise error
        except (ValueError, KeyError):
            log.write({"event": "request_failed", "exc_info": True})
    assert len(log.read()) == 4


def test_lines_of_a_library_are_counted_apart_by_their_place_in_its_code(log: Log) -> None:
    for number in range(10):
        log.write(f"task {number} was destroyed", pathname="base_events.py", lineno=7)
    log.write("socket.accept() out of system resource", pathname="selector_events.py", lineno=9)
    log.handler.close()
    assert log.read() == [
        *[f"task {number} was destroyed" for number in range(3)],
        "socket.accept() out of system resource",
        "7 more of these within 60 s: task 0 was destroyed",
    ]


def test_kinds_beyond_the_limit_count_together(log: Log) -> None:
    for number in range(KINDS_MAX + 50):
        log.write({"event": "authentication_failed", "peer": number})
    assert len(log.read()) == KINDS_MAX + 3
    log.write({"event": "listening"})
    assert len(log.read()) == KINDS_MAX + 4


def test_what_was_left_out_is_said_at_the_end_too(log: Log) -> None:
    for _ in range(5):
        log.write({"event": "authentication_failed", "peer": "192.0.2.1"})
    log.handler.close()
    assert log.read()[-1] == "2 more of these within 60 s: authentication_failed peer=192.0.2.1"


def test_what_was_left_out_is_said_though_no_other_line_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_limits, "WINDOW_SECONDS", 0.05)
    log = Log(time.monotonic)
    for _ in range(5):
        log.write({"event": "not_ready"})
    timer = log.handler._timer
    assert timer is not None
    timer.join(10)
    assert log.read()[-1].startswith("2 more of these")
