"""A figure stands beside its goal: more is better of rates, less of everything else."""

from benchmarks import figures


def test_a_rate_is_the_median_of_its_rounds_and_reaches_a_share_of_its_goal() -> None:
    figure = figures.rate("taps", [300.0, 100.0, 150.0], 200)
    assert figure == ("taps", "150 taps/s", "≥ 200", 0.75, "100–300")


def test_what_should_be_small_reaches_its_goal_from_above() -> None:
    assert figures.latency("wait", [8.0, 2.0, 4.0], 2.0).share == 0.5
    assert figures.duration("start", [4.0], 2.0).share == 0.5
    assert figures.size_each("state", 320.0, 160).share == 0.5


def test_a_figure_without_a_goal_has_no_share() -> None:
    table = figures.format_table([figures.rate("rows", [10.0], unit="rows/s")])
    assert table[-1] == "| rows | 10 rows/s | 10–10 | none | – |"
