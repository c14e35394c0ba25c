"""A report as a run makes it, small, with something in every part."""

from typing import Any

from simulator.delivery.checking import Answer, Check, Faults
from simulator.delivery.exchanges import Audited, Exchanges
from simulator.delivery.figures import Figures
from simulator.report.document import make_document
from simulator.world.chengdu import make_metro
from simulator.world.presenting import Presenter
from simulator.world.sizes import make_taps


class _Delivery:
    def __init__(self) -> None:
        self.exchanges = Exchanges()
        self.errors = Faults()


def make_report(*, wrong: bool = False, audited: Audited | None = None) -> dict[str, Any]:
    """A load that went well, or one with wrong answers and a name that HTML must not take."""
    metro = make_metro()
    world = make_taps(metro, 9, 500)
    check = Check(Presenter(metro), blocks=True)
    figures = Figures(0.0)
    for number, tap in enumerate(world.taps()):
        check.take(tap, Answer("entered", "<b>&amp;" if wrong else "entry_opened", "open"))
        figures.add(number / 100, 0.001 + number / 1e6, 1)
        figures.add_lateness(number / 100, 0.000_1)
    if not wrong:
        check.wrong = Faults()
    about = {
        "what": "load",
        "command": "fare-engine simulate load",
        "started_at": "2026-11-25T08:00:00+00:00",
        "how": "over HTTP",
        "seconds": 5.0,
        "warm_up_seconds": 0.0,
        "rate": {"asked": 100.0, "held": figures.rate_held()},
    }
    auditor = (lambda _exchanges: audited) if audited else None
    return make_document(about, world, check, _Delivery(), figures, auditor)
