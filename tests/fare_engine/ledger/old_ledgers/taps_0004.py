"""The taps and reports of `0004.sql` that need nothing but what `make_0004` published before."""

from tests.fare_engine.ledger.old_ledgers.maker import Maker, card


def tap_all_reasons(made: Maker) -> None:
    """Each reason of the rule, once at least."""
    tap = made.tap
    tap("P-1", "entry", card(1), "08:00:00.000")
    tap("P-2", "exit", card(1), "08:05:00.000")
    tap("P-2", "exit", card(1), "08:05:20.000")  # exit_repeated
    tap("P-1", "entry", card(1), "09:00:00.000")
    tap("P-2", "exit", card(1), "09:15:00.000")
    tap("P-1", "entry", card(1), "09:30:00.000")
    tap("P-2", "exit", card(1), "09:35:00.000")  # daily_limit_reached
    tap("P-1", "entry", card(2), "08:00:00.000")
    tap("P-2", "exit", card(2), "08:15:00.001")  # window_exceeded
    tap("P-3", "entry", card(3), "08:00:00.000")
    tap("P-2", "exit", card(3), "08:01:00.000")  # gate_not_designated
    tap("Q-1", "entry", {"type": "qr", "id": "account-4"}, "08:00:00.000")
    tap("Q-1", "exit", {"type": "qr", "id": "account-4"}, "08:02:00.000")  # medium_not_eligible
    tap("R-1", "entry", card(5), "08:00:00.000")
    tap("R-1", "exit", card(5), "08:02:00.000")  # station_not_in_pilot
    tap("P-1", "entry", card(6), "08:00:00.000")
    tap("P-1", "entry", card(6), "08:01:00.000")  # entry_repeated
    tap("Q-1", "entry", card(6), "08:30:00.000")  # entry_superseded
    tap("R-1", "exit", card(6), "08:50:00.000")  # different_station
    tap("P-1", "entry", card(7), "05:00:00.000")
    tap("R-1", "exit", card(7), "09:00:00.001")  # overstay
    tap("P-2", "exit", card(8), "08:00:00.000")  # no_open_entry
    tap("P-1", "entry", card(9), "08:00:00.000")
    tap("P-2", "exit", card(9), "2021-11-25T04:00:00.000+08:00")  # entry_expired
    tap("P-1", "entry", card(9), "2021-11-25T08:00:00.000+08:00")  # and closed
    tap("R-1", "entry", card(10), "15:10:00.000")
    tap("R-1", "exit", card(10), "15:20:00.000")  # emergency
    tap("R-1", "exit", card(11), "10:30:00.000")  # sequence_free
    tap("P-1", "entry", card(12), "10:00:00.000")
    tap("R-1", "exit", card(12), "14:30:00.000")  # overstay, although fare_free
    tap("Q-1", "exit", card(13), "2021-11-26T09:00:00.000+08:00")  # opens by the second tariff
    token = {"type": "tianfutong", "token": "0123456789abcdef0123456789abcdef"}
    tap("P-1", "entry", token, "08:00:00.000")
    tap("P-2", "exit", token, "08:03:00.000")


def tap_late_and_alone(made: Maker) -> None:
    """Late taps, gates that decided alone, and what is issued for them."""
    tap = made.tap
    alone = {"gate_action_taken": "open", "fare_taken": 0}
    tap("P-1", "entry", card(20), "09:00:00.000")
    tap("P-2", "exit", card(20), "09:05:00.000")
    tap("Q-1", "entry", card(20), "08:00:00.000", offline=alone)  # arrived_out_of_order
    tap("P-2", "exit", card(20), "08:30:00.000", offline=alone)
    tap("P-1", "entry", card(21), "09:00:00.000", offline=alone)
    tap("Q-1", "exit", card(21), "09:20:00.000", offline=alone | {"fare_taken": 900})
    tap("Q-1", "exit", card(22), "09:20:00.000", offline=alone)  # no_open_entry, and she is out
    tap("P-1", "entry", card(23), "09:00:00.000", offline=alone | {"gate_action_taken": "refuse"})
    tap("P-1", "entry", card(24), "09:00:00.000")  # no exit yet


def report_all_kinds(made: Maker) -> None:
    """Passages that did not happen, also two in a row; reports completed and contradicted."""
    tap, report = made.tap, made.report
    tap("P-1", "entry", card(30), "11:00:00.000")
    leaving = tap("P-2", "exit", card(30), "11:05:00.000")
    report(leaving, passed=False, cause="turned back")
    entry = tap("P-1", "entry", card(31), "11:00:00.000")
    leaving = tap("P-2", "exit", card(31), "11:05:00.000")
    report(leaving, passed=False)
    report(entry, passed=False)
    entry = tap("P-1", "entry", card(32), "11:00:00.000")
    leaving = tap("P-2", "exit", card(32), "11:05:00.000")
    report(leaving, passed=False)
    tap("P-2", "exit", card(32), "11:05:30.000")
    report(entry, passed=False)  # others followed: settlement takes it into account
    entry = tap("P-1", "entry", card(33), "11:00:00.000")
    report(entry)
    report(entry, passed=False)  # completes it
    report(entry, again=False, fare_taken=300)  # contradicts it
    entry = tap("Q-1", "entry", card(34), "11:00:00.000")
    report(entry, gate_action_taken="refuse")
    made.contradict(tap("P-1", "entry", card(35), "11:00:00.000"))
    made.contradict(tap("P-2", "exit", card(35), "11:02:00.000"))


def tap_problems(made: Maker) -> None:
    """Taps in quarantine: some can be repaired, others never."""
    tap = made.tap
    alone = {"gate_action_taken": "open", "fare_taken": 0}
    tap("N-1", "entry", card(40), "12:00:00.000", offline=alone)
    tap("N-1", "exit", card(40), "12:10:00.000", offline=alone)
    tap("GONE", "entry", card(41), "12:00:00.000", offline=alone)
    tap("P-1", "exit", card(41), "12:05:00.000", offline=alone)
    tap("P-1", "entry", {"type": "student", "id": "20210001"}, "12:00:00.000", offline=alone)
    tap("P-1", "entry", {"type": "tianfutong", "id": "12"}, "12:00:00.000", offline=alone)
    tap("P-1", "entry", card(42), "2999-01-01T00:00:00.000+08:00", offline=alone)
    tap("P-1", "entry", card(42), "1999-01-01T00:00:00.000+08:00", offline=alone)
