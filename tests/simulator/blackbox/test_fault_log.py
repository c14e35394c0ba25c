"""For how long nobody was answered is kept of each kind of fault, and held against its bound."""

from simulator.blackbox.deployments import Fault
from simulator.blackbox.fault_log import FaultLog
from simulator.blackbox.findings import Findings


def _do_nothing() -> None:
    pass


KILLED = Fault("killed", _do_nothing, silence_seconds_max=5)
KILLED_TWICE = Fault("killed twice", _do_nothing, kills=2)


def test_kinds_are_counted_each_with_its_longest_silence() -> None:
    findings = Findings()
    faults = FaultLog(findings)
    for fault, silence_seconds in ((KILLED, 1.5), (KILLED_TWICE, 60), (KILLED, 0.5)):
        faults.begin(fault)
        faults.end(fault, silence_seconds)
    assert faults.kills == 4
    assert faults.document() == [
        {
            "kind": "killed",
            "count": 2,
            "longest_silence_seconds": 1.5,
            "silence_seconds_max": 5,
        },
        {
            "kind": "killed twice",
            "count": 1,
            "longest_silence_seconds": 60,
            "silence_seconds_max": None,
        },
    ]
    assert not findings.found


def test_a_silence_beyond_its_bound_is_a_finding() -> None:
    findings = Findings()
    faults = FaultLog(findings)
    faults.begin(KILLED)
    faults.end(KILLED, 5.1)
    assert findings.found == {"silent": 1}
    assert "killed: 5.1 s, 5 s are allowed" in findings.examples[0]
