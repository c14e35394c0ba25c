"""Numbers of cards and accounts: read from standard input, since every user sees arguments."""

import re
import sys
from getpass import getpass
from typing import Final

import typer

NUMBER_CHARACTERS_MAX: Final = 4_096
_CARD_LIKE: Final = re.compile(r"(?:[0-9][ -]?){10,}")


def read_number(argument: str, option: str) -> str:
    """The number, from a terminal without showing it or from the first line of standard input."""
    if argument != "-":
        raise typer.BadParameter(
            "a number on the command line shows in every process list: leave it out to be asked "
            f"for it, or give `{option} -` and the number on standard input",
            param_hint=option,
        )
    if sys.stdin.isatty():
        number = getpass("number: ")
    else:
        number = sys.stdin.readline(NUMBER_CHARACTERS_MAX)
    if not number.strip():
        raise typer.BadParameter("no number was given", param_hint=option)
    return number.strip()


def read_account(argument: str) -> str:
    """An account, from standard input where it is `-`; what looks like a card is refused here."""
    if argument == "-" or _CARD_LIKE.search(argument):
        return read_number(argument, "ACCOUNT")
    return argument
