"""Explicit fares: an operator's origin–destination table, kept by origin.

A network of a few hundred stations has a hundred thousand pairs, so nothing here goes through all
of them at once but what says so.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

_NO_ROW: Final[Mapping[str, int]] = MappingProxyType({})
_encode: Final = msgspec.json.Encoder().encode
_ROWS: Final = msgspec.json.Decoder(dict[str, dict[str, int]])


class ExplicitFares(Mapping[tuple[str, str], int]):
    """Single fares before any discount, in fen, by origin and destination."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, Mapping[str, int]]) -> None:
        self._rows = rows

    @classmethod
    def from_pairs(cls, pairs: Mapping[tuple[str, str], int]) -> "ExplicitFares":
        """The same fares, given by pair."""
        if isinstance(pairs, ExplicitFares):
            return pairs
        rows: dict[str, dict[str, int]] = defaultdict(dict)
        for (origin, destination), fare in pairs.items():
            rows[origin][destination] = fare
        return cls(dict(rows))

    @property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """By origin, the fares to its destinations."""
        return self._rows

    def get_row(self, origin: str) -> Mapping[str, int]:
        """The fares from an origin; empty where the table has none."""
        return self._rows.get(origin, _NO_ROW)

    def encode_rows(self) -> Iterator[bytes]:
        """JSON of the rows ["from", "to", fen] in order, without brackets: an origin at a time."""
        for origin in sorted(self._rows):
            row = self._rows[origin]
            yield _encode([(origin, to, row[to]) for to in sorted(row)])[1:-1]

    def pack(self) -> bytes:
        """All of it as bytes to store: a twentieth of the JSON of its rows."""
        packer = zlib.compressobj(level=1)
        parts = [packer.compress(b"{")]
        for place, origin in enumerate(sorted(self._rows)):
            member = _encode(origin) + b":" + _encode(self._rows[origin])
            parts.append(packer.compress(b"," + member if place else member))
        return b"".join([*parts, packer.compress(b"}"), packer.flush()])

    @classmethod
    def unpack(cls, packed: bytes) -> "ExplicitFares":
        """What `pack` made."""
        return cls(_ROWS.decode(zlib.decompress(packed)))

    def __getitem__(self, pair: tuple[str, str]) -> int:
        origin, destination = pair
        return self._rows[origin][destination]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((origin, to) for origin, row in self._rows.items() for to in row)

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ExplicitFares):
            return self._rows == other._rows
        return Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]
