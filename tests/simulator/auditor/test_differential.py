"""The auditor finds nothing wrong with an engine that does nothing wrong."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulator.auditor.histories import Honest, first_catalogue
from tests.simulator.auditor.observed import ObservedMetro


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_is_found_in_an_honest_history(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        metro = ObservedMetro(Path(directory), first_catalogue(data.draw))
        try:
            honest = Honest(metro, data)
            for _ in range(data.draw(st.integers(1, 20))):
                honest.go_on()
            metro.read_back()
            verdict = metro.auditor.finish()
        finally:
            metro.close()
    assert verdict.is_clean, verdict.to_document()
    assert verdict.checked["taps read back"] == len(metro.sent)
    assert verdict.checked["answers"] == verdict.checked["decisions checked"] + sum(
        verdict.checked[kind]
        for kind in ("answers repeated", "conflicts checked", "problems checked")
    )
