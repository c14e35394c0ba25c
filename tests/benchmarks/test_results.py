"""RESULTS.md keeps the sections of former runs beside those of this one."""

from benchmarks import figures, results

TITLES = ("Over HTTP", "With the ledger", "Memory")


def test_a_section_takes_the_place_of_its_former_self_and_the_others_stay() -> None:
    before = results.merge(
        "", {"Memory": "## Memory\n\nold", "Over HTTP": "## Over HTTP\n\nold"}, TITLES
    )
    after = results.merge(before, {"Memory": "## Memory\n\nnew"}, TITLES)
    assert after == before.replace("## Memory\n\nold", "## Memory\n\nnew")


def test_sections_stand_in_the_order_of_the_benchmarks() -> None:
    before = results.merge("", {"Memory": "## Memory", "Over HTTP": "## Over HTTP"}, TITLES)
    after = results.merge(before, {"With the ledger": "## With the ledger"}, TITLES)
    assert after.startswith(results.HEAD)
    assert [line[3:] for line in after.splitlines() if line.startswith("## ")] == list(TITLES)


def test_a_section_that_is_no_longer_measured_goes() -> None:
    before = results.merge("", {"Memory": "## Memory"}, TITLES)
    assert "Memory" not in results.merge(before, {}, TITLES[:2])


def test_a_section_tells_which_run_it_comes_from() -> None:
    section = results.format_section("Memory", ["| a table |"], rounds=3)
    assert section.startswith("## Memory\n\n`python -m benchmarks")
    assert "3 rounds" in section
    assert section.endswith("\n\n| a table |")


def test_what_is_short_of_its_goal_is_named_below_its_table() -> None:
    short, reached = figures.rate("slow", [10.0], 20), figures.rate("fast", [30.0], 20)
    assert results.format_figures([short, reached])[-1] == "Short of their goals: slow."
    assert results.format_figures([reached])[-1].startswith("| fast ")
