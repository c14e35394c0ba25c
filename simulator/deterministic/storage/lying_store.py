"""A cache that all engines share: it forgets, lags and lies, more or less by the faults of a seed.

What it holds are the bytes of real states with their real seals; none of what it does may ever
change an answer.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from simulator.deterministic.virtual_time import VirtualLoop

WRITE_S: Final = (0.0005, 0.02)
"""How long a write is under way when nothing goes wrong; so two of them may change places."""
LATE_S: Final = 20.0
KEPT_MAX: Final = 6
"""Old values of a token that may come up again."""
LIES: Final = ("nothing", "old", "old", "old", "swapped", "flipped", "late", "lost")


class LyingStore:
    """Bytes by token (`fare_engine.states.sealed.ByteStore`), held outside of all engines."""

    def __init__(
        self, loop: VirtualLoop, chance: random.Random, lies: Sequence[str] = LIES
    ) -> None:
        """`lies` are the kinds of things that may go wrong."""
        self._loop = loop
        self._chance = chance
        self._lies = lies
        self._values: dict[bytes, bytes] = {}
        self._kept: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self.lies_share = 0.0
        """How many of its reads and writes go wrong now."""
        self.lies = 0

    def flush(self) -> None:
        """Hold nothing any more."""
        self._values.clear()

    def get_many(self, tokens: Sequence[bytes]) -> list[bytes | None]:
        """What is held of these tokens, or something else."""
        return [self._get(token) for token in tokens]

    def set_many(self, values: Mapping[bytes, bytes]) -> None:
        """Hold these values, a little later."""
        for token, value in values.items():
            self._write(self._set, token, value)

    def delete_many(self, tokens: Iterable[bytes]) -> None:
        """Hold nothing of these tokens, a little later."""
        for token in tokens:
            self._write(self._values.pop, token, None)

    def _set(self, token: bytes, value: bytes) -> None:
        kept = self._kept[token]
        kept.append(value)
        del kept[:-KEPT_MAX]
        self._values[token] = value

    def _get(self, token: bytes) -> bytes | None:
        value, lie = self._values.get(token), self._draw_lie()
        if lie == "nothing":
            return None
        if lie == "old":
            kept = self._kept[token]
            return self._chance.choice(kept) if kept else value
        if lie == "swapped" and self._values:
            return self._chance.choice([*self._values.values()])
        if lie == "flipped" and value is not None:
            place = self._chance.randrange(len(value))
            flipped = value[place] ^ 1 << self._chance.randrange(8)
            return value[:place] + bytes((flipped,)) + value[place + 1 :]
        return value

    def _write(self, write: Callable[..., object], *values: object) -> None:
        lie = self._draw_lie()
        takes_s = self._chance.uniform(*WRITE_S)
        if lie == "late":
            takes_s = self._chance.uniform(0, LATE_S)
        elif lie == "lost":
            return
        self._loop.call_later(takes_s, write, *values)

    def _draw_lie(self) -> str:
        if not self.lies_share or self._chance.random() >= self.lies_share:
            return ""
        self.lies += 1
        return self._chance.choice(self._lies)
