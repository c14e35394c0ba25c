"""What a seed leaves behind is gone before the next one, and nobody waits for its removal."""

import gc

from simulator.deterministic.check import quiet
from simulator.deterministic.engines.engine_process import EngineProcess
from simulator.deterministic.garbage import collected_at_the_end
from simulator.deterministic.run import run_scenario
from simulator.deterministic.scenario import draw_scenario


def test_nothing_of_a_scenario_is_left_when_it_has_been_played() -> None:
    with quiet():
        run_scenario(draw_scenario(1, 20))
    assert not [left for left in gc.get_objects() if isinstance(left, EngineProcess)]


def test_the_collector_rests_meanwhile_and_works_again_behind() -> None:
    with collected_at_the_end():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collected_at_the_end():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
