# GNU make; needs Python 3.11 or newer with pip, nothing else. `make help` lists the targets.

UV_VERSION := 0.13.9
PYTHON ?= python3
PUBLIC_INDEX := https://pypi.org/simple

# uv: the one on PATH, else our own in .tools.
UV_ON_PATH := $(shell command -v uv 2>/dev/null)
UV_IN_TOOLS := .tools/bin/uv
UV := $(or $(UV_ON_PATH),$(UV_IN_TOOLS))

# uv uses the Python that is there, or the one that is asked for (`make setup PYTHON=/usr/bin/python3`),
# and .venv, even while another environment is active.
ifneq ($(origin PYTHON),file)
export UV_PYTHON := $(PYTHON)
endif
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

BIN := .venv/bin
SYNCED := .venv/.synced
EXPORT := $(UV) export --quiet --frozen --no-dev --all-extras --no-emit-project --no-header

# The recorded taps of Shenzhen's metro.
FARE_SHENZHEN_TAPS ?= ../shared/data/shenzhen_taps_2018-09-01.csv.gz
export FARE_SHENZHEN_TAPS
NO_TAPS := no recorded taps at $(FARE_SHENZHEN_TAPS) (FARE_SHENZHEN_TAPS names the file)

# A file's tests stay together, and those that take long come first (`tests/conftest.py`), so that
# all processors end at the same time.
IN_PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

# What `make quick` runs: no server, no process and hardly a disk.
QUICK_TESTS := $(addprefix tests/fare_engine/, test_matching_*.py test_conditions.py \
    test_rule_table.py test_engine_*.py test_calendar.py test_decision.py test_distances.py \
    test_journey.py test_network.py test_tariff.py test_versions.py validation)

.DEFAULT_GOAL := help
.PHONY: help setup run demo test quick test-recorded check bench format requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: setup ## serve, with simulated gates at 孵化园, until interrupted
	$(BIN)/python -m simulator.morning run

demo: setup ## one simulated morning at 孵化园, start to end
	$(BIN)/python -m simulator.morning demo

test: setup ## all tests; those on recorded taps where their file is there, and always in CI
	@if [ -n "$$CI" ] || [ -f "$$FARE_SHENZHEN_TAPS" ]; then \
	    $(BIN)/pytest $(IN_PARALLEL); \
	else \
	    $(BIN)/pytest $(IN_PARALLEL) -m "not recorded" && \
	    echo 'LEFT OUT: the tests on recorded taps; $(NO_TAPS).' && \
	    echo 'To run them: make test-recorded FARE_SHENZHEN_TAPS=FILE'; \
	fi

quick: setup ## the tests of rule, engine, values and validation, for daily use
	$(BIN)/pytest -n auto $(QUICK_TESTS)

test-recorded: setup ## the tests on recorded taps
	@[ -f "$$FARE_SHENZHEN_TAPS" ] || { echo 'make: $(NO_TAPS).' >&2; exit 1; }
	$(BIN)/pytest -m recorded

check: setup ## lint, format, types, import contracts, lock file; changes nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(UV) lock --check --default-index $(PUBLIC_INDEX)
	$(EXPORT) | diff -u requirements.txt - || { echo 'out of date: make requirements' >&2; exit 1; }

bench: setup ## the figures of benchmarks/, beside the rivals that it installs
	$(UV) sync --frozen --all-extras --group rivals --compile-bytecode
	$(BIN)/python -m benchmarks

format: setup ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

requirements: $(UV) ## lock pyproject.toml anew, and export requirements.txt with hashes
	$(UV) lock --default-index $(PUBLIC_INDEX)
	$(EXPORT) --output-file requirements.txt

clean: ## remove all that make made
	rm -rf .venv .tools dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(SYNCED)

$(SYNCED): uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen --all-extras --compile-bytecode
	@touch $@

$(UV_IN_TOOLS): | .tools/uv-$(UV_VERSION)

.tools/uv-$(UV_VERSION):
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	    echo 'make: no pip for $(PYTHON). On Debian: apt-get install python3 python3-pip' >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	    --upgrade --target .tools uv==$(UV_VERSION)
	@touch $@
