"""The HTML report needs no internet, and is well-formed with any text of an answer."""

import re
from xml.etree import ElementTree

import pytest

from simulator.delivery.exchanges import Audited
from simulator.report.charts import Series, draw_bars, draw_lines
from simulator.report.page import make_page
from simulator.report.text import format_report
from tests.simulator.report.a_report import make_report


@pytest.mark.parametrize("wrong", [False, True])
def test_the_page_is_well_formed_and_fetches_nothing(wrong: bool) -> None:
    page = make_page(make_report(wrong=wrong))
    root = ElementTree.fromstring(page.partition("\n")[2])
    assert not re.search(r"https?:|//|@import|url\(", page)
    fetching = {"script", "link", "img", "iframe", "object", "embed", "base", "use", "image"}
    assert {element.tag for element in root.iter()} & fetching == set()
    assert not any({"src", "href"} & element.attrib.keys() for element in root.iter())
    assert len(root.findall(".//svg")) == 5
    assert ("failed" if wrong else "passed") in (root.findtext(".//h1/span") or "")


def test_page_and_text_show_the_same_figures() -> None:
    report = make_report()
    page, text = make_page(report), format_report(report)
    for shown in (
        f"{report['latency_ms']['p999']:.2f}",
        report["world"]["fingerprint"][:16],
        report["machine"]["python"],
        "crosses with the last millisecond",
        "auditor: not asked",
        "every answer was as intended",
    ):
        assert shown in page
        assert shown in text


def test_an_auditor_has_the_last_word() -> None:
    checked, twice = {"taps sent": 1_234}, {"entry-consumed-twice": 1}
    found = Audited(False, "1 entry consumed twice", ["FHY-A-01.20250303.00000001"], checked, twice)
    report = make_report(audited=found)
    assert not report["passed"]
    assert "auditor: 1 entry consumed twice" in format_report(report)
    page = make_page(report)
    for shown in ("FHY-A-01.20250303.00000001", "entry-consumed-twice", "1,234"):
        assert shown in page
    assert report["audit"]["checked"] == checked
    assert make_report(audited=Audited(True, "all right", []))["passed"]


def test_the_highest_value_stays_inside_the_chart() -> None:
    chart = draw_lines([Series("one", [(0, 0), (1, 987.6)])], "second", "ms")
    points = re.search(r'points="([^"]+)"', chart)
    assert points is not None
    heights = [float(point.partition(",")[2]) for point in points[1].split()]
    assert heights[0] == 220 - 36
    assert 14 <= heights[1] < heights[0]
    assert ">1,000<" in chart


def test_charts_of_nothing_are_left_out() -> None:
    assert draw_lines([Series("one", [])], "second", "ms") == ""
    assert draw_bars([]) == ""
    assert "<rect" in draw_bars([("nobody", 0)])
