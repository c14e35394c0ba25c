"""Runs commands inside the process of the tests, which saves the start of Python."""

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import structlog

from api import cli


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON that the command printed."""
        assert self.status == 0, self.err
        return json.loads(self.out)

    @property
    def failure(self) -> str:
        """The one clear error that the command ended with."""
        assert self.status == 1, self.out + self.err
        assert "Traceback" not in self.err
        assert self.err.startswith("fare-engine: ")
        return self.err


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `fare-engine` with arguments, a standard input and the settings that are named."""

    def run(*arguments: object, given: str | bytes = "", **environment: str) -> Ended:
        content = given.encode() if isinstance(given, str) else given
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("FARE_")]:
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["fare-engine", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
            with _logs_kept(patch), pytest.raises(SystemExit) as end:
                cli.main()
        status = end.value.code or 0
        assert isinstance(status, int)
        return Ended(status, *capsys.readouterr())

    return run


@contextmanager
def _logs_kept(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command sets up for its logs ends with it: they go to a stream that ends with it."""
    configure, root = structlog.configure, logging.getLogger()
    handlers, level = root.handlers, root.level

    def configure_uncached(**settings: Any) -> None:
        # A logger that was used once would keep these settings for ever.
        configure(**settings | {"cache_logger_on_first_use": False})

    patch.setattr(structlog, "configure", configure_uncached)
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
