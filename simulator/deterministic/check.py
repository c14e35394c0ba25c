"""Plays seed after seed and counts; a seed that fails is shrunk, so that it can be read."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog

from fare_engine.engine import Engine
from simulator.deterministic.engines.engine_process import MakeEngine
from simulator.deterministic.run import Outcome, run_scenario
from simulator.deterministic.scenario import Scenario, draw_scenario
from simulator.deterministic.shrinking import shrink

EXAMPLES_MAX: Final = 3
"""Failing seeds that are shrunk and shown; all are counted."""
SEEDS_AT_ONCE: Final = 8
"""Seeds that a worker fetches together."""

Progress = Callable[[str, int, int], None]


class Check:
    """What many seeds came to."""

    def __init__(self, first: int, taps: int, engines: int = 1) -> None:
        self._first = first
        self._taps_max = taps
        self._engines = engines
        self._hash = hashlib.sha256()
        self.seeds = 0
        self.taps = 0
        self.checked: Counter[str] = Counter()
        """What the auditor looked at."""
        self.faults: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.failed: list[int] = []
        self.undecided: list[int] = []
        self.examples: list[dict[str, Any]] = []
        self.processor_s = 0.0
        """What playing and judging took of the processors, all workers together."""

    def run(
        self, seeds: int, progress: Progress, make_engine: MakeEngine = Engine, workers: int = 1
    ) -> None:
        """Play so many seeds; what they come to is the same with any number of workers."""
        wanted = range(self._first, self._first + seeds)
        play = partial(_play, self._taps_max, self._engines, make_engine)
        with quiet():
            for seed, (outcome, took_s) in zip(wanted, _map(play, wanted, workers), strict=True):
                self._take(seed, outcome, make_engine)
                self.processor_s += took_s
                progress("seeds", self.seeds, seeds)

    @property
    def taps_per_s(self) -> float:
        """Taps that one processor plays and audits in a second."""
        return self.taps / self.processor_s if self.processor_s else 0.0

    @property
    def digest(self) -> str:
        """Same seeds, same digest."""
        return self._hash.hexdigest()

    def document(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "first_seed": self._first,
            "seeds": self.seeds,
            "engines": self._engines,
            "taps": self.taps,
            "answers": self.checked["answers"],
            "checked": dict(sorted(self.checked.items())),
            "faults": dict(sorted(self.faults.items())),
            "findings": dict(sorted(self.findings.items())),
            "failed_seeds": self.failed,
            "undecided_seeds": self.undecided,
            "told": self.examples,
            "processor_seconds": round(self.processor_s, 3),
            "taps_per_processor_second": round(self.taps_per_s),
            "hash": self.digest,
            "passed": not self.failed,
        }

    def lines(self) -> Iterator[str]:
        """The result for people."""
        for example in self.examples:
            yield f"seed {example['seed']} fails; again: {example['command']}"
            yield f"  shrunk to {example['passengers']} passengers, {example['faults']} faults:"
            yield from (f"  {line}" for line in example["history"])
            yield ""
        yield f"seeds     {self.seeds:,} from {self._first}"
        checked = self.checked
        yield f"taps      {self.taps:,}, answers {checked['answers']:,}"
        yield (
            f"judged    {checked['decisions checked']:,} decisions, "
            f"{checked['codes that a gate took']:,} ride codes that gates took, "
            f"{checked['taps decided alone']:,} taps decided alone, "
            f"{checked['tokens settled again']:,} tokens settled"
        )
        told_faults = ", ".join(f"{kind} {n:,}" for kind, n in sorted(self.faults.items()))
        yield f"faults    {self.faults.total():,}: {told_faults}"
        if self._engines > 1:
            lossy = checked["seeds that lose commits"]
            yield f"losing    {lossy:,} seeds lose commits in a failover: only chains are judged"
        findings = ", ".join(f"{check} {n}" for check, n in sorted(self.findings.items()))
        failed = ", ".join(map(str, self.failed[:20]))
        yield f"findings  {findings or 'none'}" + (f" (seeds {failed})" if failed else "")
        if self.undecided:
            undecided = ", ".join(map(str, self.undecided[:20]))
            yield f"undecided {len(self.undecided)}: the auditor gave up (seeds {undecided})"
        yield (
            f"rate      {self.taps_per_s:,.0f} taps a second and processor "
            f"({self.processor_s:,.1f} s of processors)"
        )
        yield f"hash      {self.digest}"

    def _take(self, seed: int, outcome: Outcome, make_engine: MakeEngine) -> None:
        self.seeds += 1
        self.taps += outcome.taps
        self.checked.update(outcome.checked)
        self.faults += outcome.faults
        self._hash.update(outcome.digest)
        if outcome.undecided:
            self.undecided.append(seed)
        if outcome.findings:
            self.findings.update(finding.check for finding in outcome.findings)
            self.failed.append(seed)
            if len(self.examples) < EXAMPLES_MAX:
                scenario = draw_scenario(seed, self._taps_max, self._engines)
                self.examples.append(self._describe(scenario, make_engine))

    def _describe(self, scenario: Scenario, make_engine: MakeEngine) -> dict[str, Any]:
        def play(smaller: Scenario) -> Outcome:
            return run_scenario(smaller, make_engine)

        smallest = shrink(scenario, play)
        outcome = run_scenario(smallest, make_engine, with_history=True)
        command = f"fare-engine simulate check --seeds 1 --first {scenario.seed}"
        command += f" --taps {self._taps_max}"
        if self._engines > 1:
            command += f" --engines {self._engines}"
        return {
            "seed": scenario.seed,
            "command": command,
            "passengers": len(smallest.passengers),
            "faults": len(smallest.faults),
            "history": outcome.lines,
        }


def _play(taps_max: int, engines: int, make_engine: MakeEngine, seed: int) -> tuple[Outcome, float]:
    """One seed, and what it took of this processor."""
    begun_s = time.process_time()
    outcome = run_scenario(draw_scenario(seed, taps_max, engines), make_engine)
    return outcome, time.process_time() - begun_s


def _map(
    play: Callable[[int], tuple[Outcome, float]], seeds: Iterable[int], workers: int
) -> Iterator[tuple[Outcome, float]]:
    """What each seed came to, in their order."""
    if workers == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(workers, initializer=_be_quiet) as pool:
        yield from pool.map(play, seeds, chunksize=SEEDS_AT_ONCE)


def _be_quiet() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.ReturnLoggerFactory(),  # one for all, and it writes nowhere
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Gates log everything that goes wrong here, on purpose and often."""
    before = structlog.get_config()
    _be_quiet()
    try:
        yield
    finally:
        structlog.configure(**before)
