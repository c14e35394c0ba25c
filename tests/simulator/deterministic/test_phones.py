"""What telephones show, held to what a gate reads of it."""

import pytest

from gates.media.faults import RideCodeRefused
from gates.media.verifier import RideCodeVerifier
from simulator.deterministic.phones import ISSUER_KEY, Phone, Shown, show_code

NOON_MS = 1_637_726_400_000
VERIFIER = RideCodeVerifier([ISSUER_KEY])


def show(phone: Phone, now_ms: int = NOON_MS, account: str = "anna") -> Shown:
    return show_code(phone, account, now_ms)


def test_a_code_says_what_the_auditor_is_told_of_it() -> None:
    shown = show(Phone(5, 2_000), NOON_MS + 4_500)
    read = VERIFIER.verify(shown.text, NOON_MS)
    assert shown.facts == (read.account, read.issued_at_ms, read.code_id, True)
    assert read.issued_at_ms == NOON_MS + 5_000


def test_two_telephones_of_an_account_show_one_code_until_it_is_renewed() -> None:
    phone = Phone(15, 0)
    assert show(phone) == show(phone, NOON_MS + 14_999)
    assert show(phone) != show(phone, NOON_MS + 15_000)
    assert show(phone) != show(phone, account="bob")


@pytest.mark.parametrize("fault", ["forged", "cut"])
def test_what_is_forged_or_cut_off_is_refused_and_told_as_such(fault: str) -> None:
    shown = show(Phone(5, 0, fault))
    assert shown.facts is None or not shown.facts.valid
    with pytest.raises(RideCodeRefused):
        VERIFIER.verify(shown.text, NOON_MS)
