"""A report as one HTML file: charts and tables inside, nothing fetched from anywhere."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from simulator.report.charts import Series, draw_bars, draw_lines
from simulator.report.text import UNITS, verdict

STYLE: Final = """
body { font-family: sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-size: .9rem; }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child, th:first-child { text-align: left; }
h2 { margin-top: 2rem; font-size: 1.1rem; }
.passed { color: #1b7a3d; } .failed { color: #b3261e; }
code { font-size: .85rem; overflow-wrap: anywhere; }
"""


def make_page(report: dict[str, Any]) -> str:
    """The file's text, well-formed as XML too."""
    state = "passed" if report["passed"] else "failed"
    verdicts = "".join(f"<p>{escape(line)}</p>" for line in verdict(report))
    title = f"fare-engine simulate: {report['what']}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}: <span class='{state}'>{state}</span></h1>{verdicts}"
        f"{_figures(report)}{_charts(report)}{_tables(report)}{_about(report)}"
        "</body></html>\n"
    )


def _figures(report: dict[str, Any]) -> str:
    rate = report["rate"]
    asked = f"{rate['asked']:,.0f}" if rate["asked"] else "–"
    html = _table(
        ("taps sent", "decided", "errors", "wrong", "taps/s asked", "taps/s held", "seconds"),
        [
            (
                f"{report['taps']['sent']:,}",
                f"{report['taps']['decided']:,}",
                f"{report['errors']['count']:,}",
                f"{report['wrong']['count']:,}",
                asked,
                f"{rate['held']:,.0f}",
                f"{report['seconds']:.1f}",
            )
        ],
    )
    times = [
        (what, *(f"{report[name][key]:.2f}" for key in UNITS))
        for name, what in (("latency_ms", "latency"), ("lateness_ms", "driver's own lateness"))
        if report[name]
    ]
    if times:
        since = "the scheduled arrival" if rate["asked"] else "the sending"
        html += f"<p>Milliseconds, from {since} of each request; warm-up left out.</p>"
        html += _table(("", *UNITS.values()), times)
    return html


def _charts(report: dict[str, Any]) -> str:
    stretches = report["stretches"]
    seconds = [row["second"] for row in stretches]

    def over_time(name: str, key: str) -> Series:
        return Series(name, [(at, row[key]) for at, row in zip(seconds, stretches, strict=True)])

    curve = [(place, point["ms"]) for place, point in enumerate(report["latency_curve"])]
    percentiles = [f"{point['percentile']:g}" for point in report["latency_curve"]]
    by_time = [(point["hour"], point["taps"]) for point in report["world"]["by_time"]]
    charts = (
        (
            "Taps a second",
            draw_lines([over_time("held", "taps_a_second")], "second of the run", "taps/s"),
        ),
        (
            "Latency over time",
            draw_lines(
                [over_time("p50", "p50_ms"), over_time("p99", "p99_ms")], "second of the run", "ms"
            ),
        ),
        (
            "Latency by percentile",
            draw_lines([Series("latency", curve)], "percentile", "ms", percentiles),
        ),
        (
            "The simulated day",
            draw_lines([Series("taps", by_time)], "hour", "taps in 15 min"),
        ),
        ("Decisions", draw_bars([(row["reason"], row["taps"]) for row in report["outcomes"]])),
    )
    return "".join(f"<h2>{escape(name)}</h2>{chart}" for name, chart in charts if chart)


def _tables(report: dict[str, Any]) -> str:
    return (
        "<h2>How passengers fared, by what they were up to</h2>"
        + _table(
            ("intention", "taps", "as intended", "wrong", "decisions"),
            [
                (
                    row["intention"],
                    f"{row['taps']:,}",
                    f"{row['as_intended']:,}",
                    f"{row['wrong']:,}",
                    ", ".join(f"{reason} {taps:,}" for reason, taps in row["reasons"].items()),
                )
                for row in report["intentions"]
            ],
        )
        + _audit(report["audit"])
    )


def _audit(audit: dict[str, Any] | None) -> str:
    """What the auditor looked at, and what it found, by check."""
    if not audit:
        return ""
    html = "<h2>What the auditor checked</h2>"
    html += _table(("", ""), [(name, f"{count:,}") for name, count in audit["checked"].items()])
    if audit["found"]:
        html += "<h2>What the auditor found</h2>"
        html += _table(("", ""), [(name, f"{count:,}") for name, count in audit["found"].items()])
    return html


def _about(report: dict[str, Any]) -> str:
    world, machine = report["world"], report["machine"]
    rows = (
        ("command", report["command"]),
        ("started", report["started_at"]),
        ("delivered", report["how"]),
        (
            "machine",
            f"{machine['processors']} processors, {machine['architecture']}, {machine['system']}, "
            f"Python {machine['python']}",
        ),
        ("version", f"fare-engine {machine['version']}, commit {machine['commit']}"),
        ("seed", world["seed"]),
        ("passengers", f"{world['passengers']:,}"),
        ("stations, gates", f"{world['stations']}, {world['gates']:,} (gates are examples)"),
        ("crossing lanes", ", ".join(world["crossing_lanes"])),
        ("intentions left out", ", ".join(world["left_out"]) or "none"),
        ("fingerprint of the taps", world["fingerprint"]),
    )
    return "<h2>What was run</h2>" + _table(("", ""), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
