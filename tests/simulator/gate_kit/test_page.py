"""docs/gate-makers.md: its table of statuses is the one that the kit and the client go by."""

import re
from pathlib import Path

from simulator.gate_kit.statuses import STATUSES, find_status

PAGE = Path(__file__).parents[3] / "docs" / "gate-makers.md"
ROW = re.compile(r"^\| ([0-9x]{3}) \| (answer|final|passing) \| \S", re.MULTILINE)


def test_the_page_says_of_every_status_what_the_kit_says() -> None:
    shown = dict(ROW.findall(PAGE.read_text("utf-8")))
    names = {100: "1xx", 301: "3xx"}
    assert shown == {names.get(row.status, str(row.status)): row.standing for row in STATUSES}


def test_statuses_of_no_row_have_a_standing_too() -> None:
    standings = {status: find_status(status).standing for status in (103, 307, 410, 418, 507, 599)}
    assert standings == {
        103: "passing",
        307: "passing",
        410: "final",
        418: "final",
        507: "passing",
        599: "passing",
    }


def test_a_4xx_that_the_engine_did_not_say_is_passing_but_for_413() -> None:
    for status in (400, 403, 404, 409, 414, 431):
        assert find_status(status).standing == "final"
        assert find_status(status, is_problem=False).standing == "passing"
    assert find_status(413, is_problem=False).standing == "final"
