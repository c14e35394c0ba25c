"""Takes a failing scenario apart until nothing can be left out: what remains can be read."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from simulator.deterministic.run import Outcome
from simulator.deterministic.scenario import Scenario

TRIES_MAX: Final = 400
"""Scenarios played for one that failed."""

T = TypeVar("T")
Play = Callable[[Scenario], Outcome]


def shrink(scenario: Scenario, play: Play) -> Scenario:
    """The smallest scenario found that still shows something of the same kind."""
    checks = play(scenario).checks
    tries, left_out = 0, True
    while left_out and tries < TRIES_MAX:
        left_out = False
        for smaller in _list_smaller(scenario):
            tries += 1
            if tries >= TRIES_MAX:
                break
            if play(smaller).checks & checks:
                scenario, left_out = smaller, True
                break
    return scenario


def _list_smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario without half of its passengers or faults, without one, without one's steps."""
    passengers, faults = scenario.passengers, scenario.faults
    for half in (slice(len(passengers) // 2), slice(len(passengers) // 2, None)):
        if 0 < len(passengers[half]) < len(passengers):
            yield scenario.with_only(passengers[half], faults)
    for half in (slice(len(faults) // 2), slice(len(faults) // 2, None)):
        if len(faults[half]) < len(faults):
            yield scenario.with_only(passengers, faults[half])
    for place in range(len(passengers)):
        yield scenario.with_only(_without(passengers, place), faults)
    for place in range(len(faults)):
        yield scenario.with_only(passengers, _without(faults, place))
    for place, passenger in enumerate(passengers):
        for step in range(len(passenger.steps) if len(passenger.steps) > 1 else 0):
            fewer = passenger._replace(steps=_without(passenger.steps, step))
            others = (*passengers[:place], fewer, *passengers[place + 1 :])
            yield scenario.with_only(others, faults)


def _without(all_of: tuple[T, ...], place: int) -> tuple[T, ...]:
    return (*all_of[:place], *all_of[place + 1 :])
