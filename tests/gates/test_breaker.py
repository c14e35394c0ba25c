"""The circuit breaker: which taps an engine that may be gone is asked about."""

from gates.breaker import FAILURES_MAX, PAUSE_FIRST_S, PAUSE_MAX_S, Breaker, State


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make_breaker() -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker(clock, chance=lambda: 1.0), clock


def open_it(breaker: Breaker) -> None:
    for _ in range(FAILURES_MAX):
        breaker.failed()


def test_it_opens_at_the_last_of_so_many_failures_in_a_row() -> None:
    breaker, _ = make_breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_an_answer_in_between_begins_the_count_anew() -> None:
    breaker, _ = make_breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed()
    breaker.answered()
    breaker.failed()
    assert breaker.allows()


def test_a_probe_is_due_after_the_pause_and_not_before() -> None:
    breaker, clock = make_breaker()
    open_it(breaker)
    clock.now_s += PAUSE_FIRST_S - 0.001
    assert not breaker.is_probe_due()
    clock.now_s += 0.001
    assert breaker.is_probe_due()


def test_pauses_double_up_to_a_limit_while_probes_fail() -> None:
    breaker, clock = make_breaker()
    open_it(breaker)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.probe_at_s - clock.now_s)
        clock.now_s = breaker.probe_at_s
        breaker.failed()
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert PAUSE_MAX_S == 8


def test_taps_under_way_when_it_opened_do_not_lengthen_the_pause() -> None:
    breaker, clock = make_breaker()
    open_it(breaker)
    for _ in range(20):
        breaker.failed()
    assert breaker.probe_at_s == clock.now_s + PAUSE_FIRST_S


def test_half_open_the_engine_is_asked_about_one_tap_at_a_time() -> None:
    breaker, _ = make_breaker()
    open_it(breaker)
    breaker.reached()
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.given_up()
    assert breaker.allows()


def test_the_trial_decides_whether_it_closes_or_opens_again() -> None:
    breaker, _ = make_breaker()
    for answer, expected in ((breaker.answered, State.CLOSED), (breaker.failed, State.OPEN)):
        open_it(breaker)
        breaker.reached()
        assert breaker.allows()
        answer()
        assert breaker.state is expected


def test_an_answered_probe_changes_nothing_while_it_is_closed() -> None:
    breaker, _ = make_breaker()
    breaker.reached()
    assert breaker.state is State.CLOSED
