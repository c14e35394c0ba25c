"""The import contracts of pyproject.toml hold, forget no package, and break where they should."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sysconfig.get_path("scripts"), "lint-imports")
    return subprocess.run(
        [command, "--no-logo", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_hold() -> None:
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


def test_standard_library_contract_names_every_package_imported() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = (c for c in linter["contracts"] if c["id"] == "standard-library")
    graph = grimp.build_graph(
        *linter["root_packages"], include_external_packages=True, cache_dir=None
    )
    outside = {module for module in graph.modules if graph.is_module_squashed(module)}
    allowed = {"msgspec"}
    assert outside - sys.stdlib_module_names - allowed <= set(contract["forbidden_modules"])


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("api/contract/times.py", "import api.wire.reader"),
        ("api/runtime/service.py", "import api.http.app"),
        ("fare_engine/ledger/stores/keys.py", "import fare_engine.ledger.queries.listings"),
        ("fare_engine/ledger/queries/listings.py", "import fare_engine.ledger.sqlite.ledger"),
        ("fare_engine/settlement/terms.py", "import fare_engine.ledger.schema"),
        ("fare_engine/matching.py", "import fare_engine.catalogue"),
        ("gates/controller.py", "import api.contract.times"),
        ("simulator/auditor/rule.py", "import fare_engine.matching"),
        ("fare_engine/somewhere.py", "import fare_engine.value"),
        ("api/somewhere.py", "import api.contract.times"),
    ],
)
def test_a_planted_import_upwards_and_a_file_without_a_room_break_them(
    tmp_path: Path, file: str, line: str
) -> None:
    for package in ("fare_engine", "gates", "api", "simulator"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / file
    before = planted.read_text("utf-8") if planted.exists() else ""
    planted.write_text(f"{before}\n{line}\n", "utf-8")
    run = lint_imports(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "BROKEN" in run.stdout
