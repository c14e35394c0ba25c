"""The table "A new X goes to" and the page of layers: they say what the import contracts say."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
NEW: Final = (
    "reason",
    "file format",
    "operator route",
    "PostgreSQL ledger",
    "Redis cache",
    "role",
    "console page",
    "export",
    "planning figure",
)
PLACE = re.compile(r"`([\w./-]+)`( \(to come\))?")


def read_table() -> dict[str, str]:
    """What the table says, by what is new."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split("## A new X goes to", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", section, re.MULTILINE)
    return dict(rows[1:])


def read_layers() -> dict[str, set[str]]:
    """The modules that each container of an exhaustive contract may have."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {
        container: {name for layer in contract["layers"] for name in re.findall(r"\w+", layer)}
        for contract in linter["contracts"]
        if contract.get("exhaustive")
        for container in contract["containers"]
    }


TABLE: Final = read_table()
PLACES: Final = sorted({place for row in TABLE.values() for place in PLACE.findall(row)})


def test_the_table_has_a_row_for_everything_that_comes_next() -> None:
    assert tuple(TABLE) == NEW


@pytest.mark.parametrize(("place", "planned"), PLACES)
def test_a_place_exists_unless_it_is_to_come(place: str, planned: str) -> None:
    assert (ROOT / place).exists() != bool(planned)


@pytest.mark.parametrize("place", [place for place, _ in PLACES if not place.endswith(".md")])
def test_a_place_is_admitted_by_the_import_contracts(place: str) -> None:
    assert (ROOT / place).parent.is_dir()
    names = place.rstrip("/").removesuffix(".py").split("/")
    modules = [".".join(names[: count + 1]) for count in range(len(names))]
    layers = read_layers()
    for container, module in pairwise(modules):
        name = module.rpartition(".")[2]
        assert container not in layers or name in layers[container]


def test_the_architecture_page_names_every_module_of_the_layers() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = page.split("## Rooms and layers", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"\w+", section))
    assert not {name for names in read_layers().values() for name in names - named}
