"""Arrays in PostgreSQL's binary format, packed a column at a time.

The driver's own way looks at every value by itself: that takes it longer than all else that a
worker does for a tap.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import Struct, pack
from typing import Any, Final

from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from fare_engine.ledger.sessions import Connection

_LENGTH: Final = Struct(">i").pack
_NULL: Final = _LENGTH(-1)


class _Array(bytes):
    """The bytes of an array, whose class says of what."""


class _ByteaArray(_Array):
    """bytea[]."""


class _TextArray(_Array):
    """text[]."""


class _SmallintArray(_Array):
    """smallint[]."""


class _IntArray(_Array):
    """int[]."""


class _BigintArray(_Array):
    """bigint[]."""


def _make_dumper(array_oid: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        """Passes on what is packed."""

        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: Any) -> Buffer:
            packed: bytes = obj
            return packed

    return ArrayDumper


_DUMPERS: Final = {
    _ByteaArray: _make_dumper(1001),
    _TextArray: _make_dumper(1009),
    _SmallintArray: _make_dumper(1005),
    _IntArray: _make_dumper(1007),
    _BigintArray: _make_dumper(1016),
}


def register(connection: Connection) -> None:
    """Have a connection send packed arrays."""
    for kind, dumper in _DUMPERS.items():
        connection.adapters.register_dumper(kind, dumper)


def _pack_bytes(values: Sequence[bytes]) -> _ByteaArray:
    return _ByteaArray(_pack_header(values, 17) + _join(values))


def _pack_text(values: Sequence[str]) -> _TextArray:
    return _TextArray(_pack_header(values, 25) + _join([value.encode() for value in values]))


def _pack_smallint(values: Sequence[int | None]) -> _SmallintArray:
    return _SmallintArray(_pack_header(values, 21) + _pack_integers(values, "h", 2))


def _pack_int(values: Sequence[int | None]) -> _IntArray:
    return _IntArray(_pack_header(values, 23) + _pack_integers(values, "i", 4))


def _pack_bigint(values: Sequence[int | None]) -> _BigintArray:
    return _BigintArray(_pack_header(values, 20) + _pack_integers(values, "q", 8))


PACKERS: Final[Mapping[str, Callable[[Sequence[Any]], _Array]]] = {
    "bytea[]": _pack_bytes,
    "text[]": _pack_text,
    "smallint[]": _pack_smallint,
    "int[]": _pack_int,
    "bigint[]": _pack_bigint,
}
"""What packs an array, by its type in PostgreSQL. No text, and no bytes, may be null."""


def _pack_header(values: Sequence[object], element_oid: int) -> bytes:
    """Dimensions, whether any is null, the type; then how many, counted from 1."""
    if not values:
        return pack(">iii", 0, 0, element_oid)
    return pack(">iiiii", 1, None in values, element_oid, len(values), 1)


def _pack_integers(values: Sequence[int | None], code: str, size: int) -> bytes:
    if None not in values:
        interleaved: list[Any] = [size] * (2 * len(values))
        interleaved[1::2] = values
        return pack(">" + f"i{code}" * len(values), *interleaved)
    one = Struct(f">i{code}").pack
    return b"".join([_NULL if value is None else one(size, value) for value in values])


def _join(values: Iterable[bytes]) -> bytes:
    return b"".join([part for value in values for part in (_LENGTH(len(value)), value)])
