"""Whether the tables of a database are those of the schema, and can be read at both ends.

What a start can afford: a dropped table or damaged pages at the ends are reported before the first
tap, and not by it.
"""

from typing import Final

from sqlalchemy import JSON, Connection, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from fare_engine.errors import LedgerDamaged
from fare_engine.ledger.schema import audit, list_tables, tap_ids, taps, token_rows

ROWS_AT_ONCE: Final = 1_000


def check_tables(connection: Connection) -> None:
    """Raise LedgerDamaged with the first that is wrong, and how many are."""
    faults = list_table_faults(connection) or list_page_faults(connection)
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise LedgerDamaged(f"the ledger is damaged: {faults[0]}{more}; restore a backup")


def list_table_faults(connection: Connection) -> list[str]:
    """Tables, columns and indexes of the schema that are missing."""
    found = inspect(connection)
    names = set(found.get_table_names())
    tables = {table.name: table for table in list_tables(connection.dialect.name)}
    kept = [*tables.keys() & names]
    columns = {key[1]: rows for key, rows in found.get_multi_columns(filter_names=kept).items()}
    indexes = {key[1]: rows for key, rows in found.get_multi_indexes(filter_names=kept).items()}
    faults = []
    for name, table in tables.items():
        if name not in names:
            faults.append(f"the table {name} is missing")
            continue
        known = {column["name"] for column in columns[name]}
        faults += [
            f"the column {name}.{column.name} is missing"
            for column in table.columns
            if column.name not in known
        ]
        known_indexes = {index["name"] for index in indexes[name]}
        faults += [
            f"the index {index.name} is missing"
            for index in table.indexes
            if index.name not in known_indexes
        ]
    return faults


def list_page_faults(connection: Connection) -> list[str]:
    """Tables whose first or last row cannot be read."""
    faults = []
    for table in list_tables(connection.dialect.name):
        fault = _find_page_fault(connection, table)
        if fault is not None:
            faults.append(f"the table {table.name} cannot be read: {fault}")
    return faults


def list_row_faults(connection: Connection) -> list[str]:
    """Tables with a value that is not of its column's type; those of the taps are read elsewhere.

    Row by row, so that memory does not grow with the audit.
    """
    faults = []
    for table in list_tables(connection.dialect.name):
        if table not in (taps, tap_ids, token_rows):
            fault = _find_row_fault(connection, table)
            if fault is not None:
                faults.append(f"the table {table.name} cannot be read: {fault}")
    return faults


def find_last_instant(connection: Connection) -> int | None:
    """When the last tap was received or the last change was made, milliseconds since 1970."""
    found = [
        connection.execute(select(column).order_by(row.desc()).limit(1)).scalar_one_or_none()
        for column, row in ((taps.c.received_at, taps.c.row), (audit.c.at, audit.c.entry))
    ]
    return max((at_ms for at_ms in found if at_ms is not None), default=None)


def _find_row_fault(connection: Connection, table: Table) -> str | None:
    kinds = [
        None if isinstance(column.type, JSON) else column.type.python_type
        for column in table.columns
    ]
    try:
        for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)):
            for column, kind, value in zip(table.columns, kinds, row, strict=True):
                if kind is not None and value is not None and not isinstance(value, kind):
                    return f"{column.name} is no {kind.__name__} in {row[0]!r}"
    except DBAPIError as error:
        return str(error.orig)
    except (ValueError, TypeError) as error:  # JSON that is none
        return str(error)
    return None


def _find_page_fault(connection: Connection, table: Table) -> str | None:
    key = table.primary_key.columns
    try:
        for order in (key, [column.desc() for column in key]):
            connection.execute(select(table).order_by(*order).limit(1)).all()
    except DBAPIError as error:
        return str(error.orig)
    except (ValueError, TypeError) as error:  # JSON that is none
        return str(error)
    return None
