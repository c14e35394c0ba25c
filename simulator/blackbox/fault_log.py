"""Which faults a run had, and for how long nobody was answered in each."""

from typing import Any

from simulator.blackbox.deployments import Fault
from simulator.blackbox.findings import Findings


class _Kind:
    def __init__(self, silence_seconds_max: float | None) -> None:
        self.count = 0
        self.longest_silence_seconds = 0.0
        self.silence_seconds_max = silence_seconds_max


class FaultLog:
    """The faults of a run, by kind; a silence that is too long is a finding."""

    def __init__(self, findings: Findings) -> None:
        self.kills = 0
        self._findings = findings
        self._kinds: dict[str, _Kind] = {}

    def begin(self, fault: Fault) -> None:
        """A fault strikes."""
        self.kills += fault.kills
        self._kinds.setdefault(fault.kind, _Kind(fault.silence_seconds_max)).count += 1

    def end(self, fault: Fault, silence_seconds: float) -> None:
        """A fault is over, and all who waited are answered."""
        kind = self._kinds[fault.kind]
        kind.longest_silence_seconds = max(kind.longest_silence_seconds, silence_seconds)
        bound = fault.silence_seconds_max
        if bound is not None and silence_seconds > bound:
            message = f"{fault.kind}: {silence_seconds:.1f} s, {bound:g} s are allowed"
            self._findings.add("silent", message)

    def document(self) -> list[dict[str, Any]]:
        """As reports have it."""
        return [{"kind": name} | vars(kind) for name, kind in sorted(self._kinds.items())]
