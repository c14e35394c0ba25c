"""Every planted bug is caught by simulation and auditor, and by nothing else than the bug."""

import pytest

from fare_engine.engine import Engine
from simulator.deterministic.check import quiet
from simulator.deterministic.planted.bugs import BUGS
from simulator.deterministic.planted.planting import planted
from simulator.deterministic.run import run_scenario
from simulator.deterministic.scenario import draw_scenario

pytestmark = pytest.mark.slow

SEEDS_MAX = 150
"""Seeds within which every bug must show."""
SHOWN_LATE = {
    "code-forged": 14,
    "ahead-kept": 18,
    "clock-not-kept": 20,
    "block-ignored": 28,
    "block-ignored-alone": 28,
    "wrong-service-date": 34,
    "terms-by-gate": 48,
    "epoch-unsealed": 93,
}
"""The first seed that shows a bug, where there are many before it: tried before them."""
TAPS = 80


def test_every_planted_engine_changes_what_the_engine_has() -> None:
    for bug in BUGS.values():
        if isinstance(bug.make_engine, type):
            own = {name for name in vars(bug.make_engine) if not name.startswith("__")}
            assert own <= set(dir(Engine)), bug.description


@pytest.mark.parametrize("name", BUGS)
@quiet()
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in (SHOWN_LATE.get(name, 0), *range(SEEDS_MAX)):
        scenario = draw_scenario(seed, TAPS, BUGS[name].engines)
        with planted(BUGS[name]) as make_engine:
            outcome = run_scenario(scenario, make_engine)
        if outcome.findings:
            break
    else:
        pytest.fail(f"{name} ({BUGS[name].description}) was not caught by {SEEDS_MAX} seeds")
    print(f"{name}: caught by seed {seed}: {', '.join(sorted(outcome.checks))}")
    assert not run_scenario(scenario).findings  # the same seed without the bug
