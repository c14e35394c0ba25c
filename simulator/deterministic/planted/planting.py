"""Plants a bug for a while: another engine, or another function in the place of one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from fare_engine.engine import Engine
from simulator.deterministic.engines.engine_process import MakeEngine


class Bug(NamedTuple):
    """A bug by what it changes: the class of the engine, or one name of a module."""

    description: str
    make_engine: MakeEngine = Engine
    module: Any = None
    name: str = ""
    replacement: Callable[..., Any] | None = None
    engines: int = 1
    """How many engines it takes to show."""


@contextmanager
def planted(bug: Bug) -> Iterator[MakeEngine]:
    """Plant a bug for as long as the block lasts; gives what makes the engine."""
    if bug.module is None:
        yield bug.make_engine
    else:
        with patch.object(bug.module, bug.name, bug.replacement):
            yield bug.make_engine
