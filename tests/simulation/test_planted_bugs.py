"""Every planted bug is caught by simulation and auditor, and by nothing else than the bug."""

import pytest

from simulator.deterministic.check import quiet
from simulator.deterministic.planted import BUGS, planted
from simulator.deterministic.run import run_scenario
from simulator.deterministic.scenario import draw_scenario

SEEDS_MAX = 300
"""Seeds within which every bug must show."""
TAPS = 80


@pytest.mark.parametrize("name", BUGS)
@quiet()
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in range(SEEDS_MAX):
        scenario = draw_scenario(seed, TAPS)
        with planted(BUGS[name]) as make_engine:
            outcome = run_scenario(scenario, make_engine)
        if outcome.findings:
            break
    else:
        pytest.fail(f"{name} ({BUGS[name].told}) was not caught by {SEEDS_MAX} seeds")
    print(f"{name}: caught after {seed + 1} seeds: {', '.join(sorted(outcome.checks))}")
    assert not run_scenario(scenario).findings  # the same seed without the bug
