"""The import contracts of pyproject.toml hold, and forget no package."""

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold() -> None:
    lint_imports = Path(sysconfig.get_path("scripts"), "lint-imports")
    run = subprocess.run(
        [lint_imports, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
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
