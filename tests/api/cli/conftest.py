"""Runs commands inside the process of the tests, which saves the start of Python."""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

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


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `fare-engine` with arguments."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["fare-engine", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        status = end.value.code or 0
        assert isinstance(status, int)
        return Ended(status, *capsys.readouterr())

    return run
