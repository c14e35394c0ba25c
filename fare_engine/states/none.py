"""No cache: every state is read from the ledger, which several engines share."""

from collections.abc import Iterable, Mapping

from fare_engine.journey import TokenState


class NoStates:
    """Remembers nothing (`ports.StateCache`).

    A token's exit comes to another worker than its entry as often as not, and what one remembers
    may be older than the ledger; what is read from there is what the commit needs next anyway.
    """

    def find(self, tokens: Iterable[bytes]) -> dict[bytes, TokenState]:
        """None of them."""
        del tokens
        return {}

    def apply(self, states: Mapping[bytes, TokenState]) -> None:
        """They stand in the ledger."""

    def forget(self, tokens: Iterable[bytes]) -> None:
        """There is nothing to forget."""
