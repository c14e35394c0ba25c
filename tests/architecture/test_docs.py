"""What the documents name exists: files, modules, members of classes, and the places of links."""

import ast
import importlib
import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES: Final = ("fare_engine", "api", "gates", "simulator", "benchmarks")
FOLDERS: Final = (*PACKAGES, "tests", "docs")
NAMES: Final = "|".join(PACKAGES)

PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w/*]")
PLANNED = re.compile(r"`[^`]*` \((?:to come|将来)\)")
FILE_NAME = re.compile(r"`((?:\w+/)*\w+\.(?:py|toml))`")
MODULE = re.compile(rf"(?<![\w./:-])(?:{NAMES})(?:\.[A-Za-z_]\w*)+")
MEMBER = re.compile(r"`([A-Z]\w*)\.([a-z_]\w*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")

DOCUMENTS = sorted(
    [*(ROOT / "docs").glob("*.md"), *ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md"]
)
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def name_file(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_file)
def test_paths_exist(document: Path) -> None:
    """A path from the root, or the end of one; one that is planned says `(to come)`."""
    text = PLANNED.sub("", document.read_text("utf-8"))
    missing = {path for path in PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))}
    missing |= {name for name in FILE_NAME.findall(text) if not is_end_of_a_path(name)}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_file)
def test_modules_exist_and_have_what_is_named_of_them(document: Path) -> None:
    named = set(MODULE.findall(document.read_text("utf-8")))
    assert not {name for name in named if not name.endswith((".md", ".py")) and not exists(name)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_file)
def test_classes_have_the_members_that_are_named(document: Path) -> None:
    members = {cls: names for cls, names in MEMBERS_OF.items() if names}
    named = set(MEMBER.findall(document.read_text("utf-8")))
    missing = {f"{cls}.{name}" for cls, name in named if name not in members.get(cls, ())}
    assert not missing


@pytest.mark.parametrize("document", [*DOCUMENTS, *RECORDS, ROOT / "CHANGELOG.md"], ids=name_file)
def test_links_lead_somewhere(document: Path) -> None:
    broken = set()
    for link in LINK.findall(document.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        path = document if not target else document.parent / target
        if not path.exists() or (anchor and anchor not in list_anchors(path)):
            broken.add(link)
    assert not broken


def is_end_of_a_path(name: str) -> bool:
    return (ROOT / name).exists() or any(
        path.endswith(f"/{name}") for path in map(name_file, list_sources(*FOLDERS))
    )


def exists(dotted: str) -> bool:
    """Whether a module has this name, or a module has what follows it."""
    parts = dotted.split(".")
    known = [n for n in range(1, len(parts) + 1) if find_module(".".join(parts[:n]))]
    if known[-1] == len(parts):
        return True
    found: object = importlib.import_module(".".join(parts[: known[-1]]))
    for name in parts[known[-1] :]:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def find_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def list_sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def list_members(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            yield part.name
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            yield part.target.id
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.attr


def find_members() -> dict[str, set[str]]:
    """What each class has of its own, by the name of the class."""
    members: dict[str, set[str]] = defaultdict(set)
    for path in list_sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                members[node.name].update(list_members(node))
    return members


MEMBERS_OF: Final = find_members()


def list_anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
