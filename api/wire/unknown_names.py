"""Names of gates and medium types that nobody knows: kept as they came, unless they are numbers."""

from collections.abc import Callable
from typing import Final

from api.contract.card_numbers import has_card_number
from api.wire.shapes import Unfit, is_code, is_id

HIDDEN: Final = "hidden-"
_KIND: Final = "unknown name"
"""No medium type can have this code: so what is hidden gets no token of a medium."""
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


class NumberAsGate(Unfit):
    """A tap that would be kept for its unknown gate, whose id looks like a card number."""


class UnknownNames:
    """Keeps card numbers that came in the wrong field out of the ledger and of answers."""

    def __init__(self, make_token: Callable[[str, str], bytes]) -> None:
        self._make_token = make_token

    def name_gate(self, gate_id: str, *, is_kept: bool) -> str:
        """The id of a gate that nobody knows; another in its place where it is a number.

        NumberAsGate where the tap would be kept until that gate is registered: its tap_id most
        likely begins with the number too. Quarantined at its gate it can be sent again by then.
        """
        if is_id(gate_id) is None:
            raise Unfit
        name = self._name(gate_id)
        if is_kept and name != gate_id:
            raise NumberAsGate
        return name

    def name_medium(self, code: str) -> str:
        """The code of a medium type that nobody knows; another in its place where it is a number.

        No medium type is registered under such a code, so the tap waits for nothing, and is kept.
        """
        if is_code(code) is None:
            raise Unfit
        return self._name(code)

    def _name(self, unknown: str) -> str:
        """The same number always gets the same name: a tap sent again is the same tap."""
        if not has_card_number(unknown):
            return unknown
        return HIDDEN + self._make_token(_KIND, unknown).hex()[:16].translate(_LETTERS)
