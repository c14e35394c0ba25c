"""What looks like a card number in a text, and what does not."""

import pytest

from api.contract.card_numbers import MASK, has_card_number, mask_card_numbers

NUMBERS = {
    "3104870512345678": "****",
    "card 3104870512345678.": "card ****.",
    "card no.3104870512345678, twice": "card no.****, twice",
    "卡3104870512345678号": "卡****号",
    "id=3104870512345678;": "id=****;",
    "0123456789": "****",
    "x0123456789x": "x****x",
    # set apart
    "3104 8705 1234 5678": "****",
    "3104  8705   12": "****",
    "3104-8705-1234-5678": "****",
    "3104 - 8705 - 1234": "****",
    "3104.8705.1234.5678": "****",
    "3104_8705_1234_5678": "****",
    "3104/8705/1234/5678": "****",
    "3104,8705,1234,5678": "****",
    "3104:8705:1234:5678": "****",
    "3104*8705*1234*5678": "****",
    "3104\n8705\n1234": "****",
    "3104\t8705\t1234": "****",
    "3 1 0 4 8 7 0 5 1 2": "****",
    "3104\u00a08705\u00a01234": "****",
    "3104\u20098705\u20091234": "****",
    "3104\u30008705\u30001234": "****",
    "3104\u20138705\u20141234": "****",
    "3104\u22128705\u22121234": "****",
    "3104\u30fb8705\u30fb1234": "****",
    "31\u200b04\u200d87\ufeff05\u00ad12": "****",
    # in other digits
    "\uff13\uff11\uff10\uff14\uff18\uff17\uff10\uff15\uff11\uff12": "****",
    "\u0663\u0661\u0660\u0664\u0668\u0667\u0660\u0665\u0661\u0662": "****",
    "\u2462\u2460\u2460\u2463\u2467\u2466\u2460\u2464\u2460\u2461": "****",
    "\u00b3\u00b9\u2070\u2074\u2078\u2077\u2070\u2075\u00b9\u00b2": "****",
    "\U0001d7db\U0001d7d9\U0001d7d8\U0001d7dc8705123": "****",
    "3\ufe0f\u20e31\ufe0f\u20e30\ufe0f\u20e34\ufe0f\u20e3870512": "****",
    # more than one, and longer than any
    "3104870512345678 3104870512345679": "****",
    "3104870512345678 and 3104870512345679": "**** and ****",
    "1" * 500: "****",
    # beside what is none
    "2021-11-24 08:15 card 3104870512345678": "2021-11-24 08:15 card ****",
    "3104870512345678 2021-11-24 08:15": "**** 2021-11-24 08:15",
    "192.168.100.200 says 3104870512345678": "192.168.100.200 says ****",
    "+86 138 1234 5678": "+****",
    # no date, no time and no address
    "2021-13-45 08:99 1": "****",
    "2021112408153012": "****",
    "310.487.051.234": "****",
}

OTHERS = (
    "",
    "the gate was broken",
    "310487051",
    "the last four are 5678: ****5678",
    "window 900 s, now 600 s",
    "1,000,000 fen",
    "2021-11-24 08:15",
    "2021-11-24 08:15:30.120+08:00",
    "2021-11-24T08:15:30.120Z",
    "2021/11/24 8:15",
    "2021-1-4 8:15",
    "24.11.2021 08:15",
    "2021\u5e7411\u670824\u65e5 08:15",
    "from 2021-11-24 08:15 to 2021-11-25 09:30",
    "2021-11-24 2021-11-25 2021-11-26",
    "08:15-09:30 10:15-11:30 12:00",
    "20211124 20211125",
    "tap FHY-A-01.20211124.000173 was wrong",
    "gates 01, 02, 03, 04, 05, 06",
    "exits 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    "controller 192.168.100.200:8080",
    "complaints 2021-118, 2021-119",
    "[0-9]{10,20}",
    "6222[0-9]{12}",
)


@pytest.mark.parametrize(("text", "masked"), NUMBERS.items(), ids=map(ascii, NUMBERS))
def test_a_number_is_found_and_masked(text: str, masked: str) -> None:
    assert has_card_number(text)
    assert mask_card_numbers(text) == masked
    assert not has_card_number(mask_card_numbers(text))


@pytest.mark.parametrize("text", OTHERS)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert not has_card_number(text)
    assert mask_card_numbers(text) == text


def test_nine_digits_are_none_and_ten_are_one() -> None:
    assert mask_card_numbers("a 123456789 b 1234567890") == f"a 123456789 b {MASK}"


def test_a_text_without_a_number_keeps_its_spelling() -> None:
    assert mask_card_numbers("\uff11\uff12 \u2460") == "\uff11\uff12 \u2460"
