"""docs/command-line.md: it lists every command."""

import re
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from api.cli import app

PAGE = Path(__file__).parents[3] / "docs" / "command-line.md"
ROW = re.compile(r"^\| `([a-z -]+)` \| \S", re.MULTILINE)


def list_commands(group: TyperGroup, *path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from list_commands(command, *path, name)
        else:
            yield " ".join((*path, name))


def test_the_page_lists_every_command_once() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    assert sorted(ROW.findall(PAGE.read_text("utf-8"))) == sorted(list_commands(root))
