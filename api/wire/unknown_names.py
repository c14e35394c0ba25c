"""Names of gates and medium types that nobody knows: kept as they came, unless they are numbers."""

from collections.abc import Callable
from typing import Final

from api.contract.card_numbers import has_card_number
from api.wire.shapes import Unfit

HIDDEN: Final = "hidden-"
_KIND: Final = "unknown name"
"""No medium type can have this code: so what is hidden gets no token of a medium."""
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


class UnknownNames:
    """Keeps card numbers that came in the wrong field out of the quarantine and of answers."""

    def __init__(self, make_token: Callable[[str, str], bytes]) -> None:
        self._make_token = make_token

    def name(self, unknown: str, fits: Callable[[str], object]) -> str:
        """The name itself; another in its place where it looks like a card number.

        The same number always gets the same name, so that a tap sent again is the same tap. Unfit
        where the contract does not allow it.
        """
        if not fits(unknown):
            raise Unfit
        if not has_card_number(unknown):
            return unknown
        return HIDDEN + self._make_token(_KIND, unknown).hex()[:16].translate(_LETTERS)
