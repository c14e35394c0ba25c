"""Versions of policies and tariffs, and suspensions, as rows."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from fare_engine.documents import (
    PAIRS_SHOWN_MAX,
    Document,
    rules_document,
    rules_without_table,
)
from fare_engine.explicit_fares import ExplicitFares
from fare_engine.ledger import schema
from fare_engine.ledger.stores.tariff_document import from_document
from fare_engine.network import Distances
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff


def read_policies(connection: Connection) -> Mapping[str, tuple[Policy, ...]]:
    """Every policy, oldest version first, by station."""
    policies: dict[str, tuple[Policy, ...]] = defaultdict(tuple)
    table = schema.policies
    for row in connection.execute(select(table).order_by(table.c.version)):
        policies[row.station_id] += (
            Policy(
                row.station_id,
                row.version,
                row.window_ms,
                frozenset(row.media),
                frozenset(row.designated_gates),
                row.effective_from,
                row.effective_to,
                row.daily_limit,
                row.note,
            ),
        )
    return dict(sorted(policies.items()))  # databases differ in how they order text


def read_suspensions(connection: Connection) -> Mapping[str, tuple[Suspension, ...]]:
    """Every suspension, oldest first, by station."""
    suspensions: dict[str, tuple[Suspension, ...]] = defaultdict(tuple)
    query = select(schema.suspensions).order_by(schema.suspensions.c.suspension)
    for row in connection.execute(query):
        suspensions[row.station_id] += (
            Suspension(row.station_id, row.suspended_at, row.reason, row.resumed_at),
        )
    return dict(suspensions)


def read_tariffs(
    connection: Connection, distances: Distances, after_version: int = 0
) -> tuple[Tariff, ...]:
    """Every tariff behind a version, oldest first, over the distances given."""
    table = schema.tariffs
    query = select(table).where(table.c.version > after_version).order_by(table.c.version)
    return tuple(
        from_document(
            row.rules,
            version=row.version,
            effective_from_ms=row.effective_from,
            effective_to_ms=row.effective_to,
            distances=distances,
            explicit=None if row.fare_table is None else ExplicitFares.unpack(row.fare_table),
        )
        for row in connection.execute(query)
    )


def insert_policy(connection: Connection, policy: Policy, now_ms: int) -> None:
    """Store a new version of a station's policy."""
    connection.execute(
        schema.policies.insert().values(
            station_id=policy.station_id,
            version=policy.version,
            window_ms=policy.window_ms,
            media=sorted(policy.media),
            designated_gates=sorted(policy.designated_gates),
            daily_limit=policy.daily_limit,
            effective_from=policy.effective_from_ms,
            effective_to=policy.effective_to_ms,
            note=policy.note,
            published_at=now_ms,
        )
    )


def encode_tariff(tariff: Tariff) -> Document:
    """The columns that hold the rules of a tariff. Of a large table that takes a while."""
    if len(tariff.fares.explicit) <= PAIRS_SHOWN_MAX:
        return {"rules": rules_document(tariff), "fare_table": None}
    return {"rules": rules_without_table(tariff), "fare_table": tariff.fares.table.pack()}


def insert_tariff(connection: Connection, tariff: Tariff, encoded: Document, now_ms: int) -> None:
    """Store a new version of the tariff, with its rules as `encode_tariff` made them."""
    connection.execute(
        schema.tariffs.insert().values(
            version=tariff.version,
            effective_from=tariff.effective_from_ms,
            effective_to=tariff.effective_to_ms,
            **encoded,
            published_at=now_ms,
        )
    )


def insert_suspension(connection: Connection, suspension: Suspension) -> None:
    """Store the beginning of a suspension."""
    connection.execute(
        schema.suspensions.insert().values(
            station_id=suspension.station_id,
            suspended_at=suspension.suspended_at_ms,
            reason=suspension.reason,
        )
    )


def update_resumed(connection: Connection, suspension: Suspension) -> None:
    """Store another end of a station's latest suspension; None: it is open again."""
    table = schema.suspensions
    of_station = table.c.station_id == suspension.station_id
    latest = select(func.max(table.c.suspension)).where(of_station).scalar_subquery()
    connection.execute(
        table.update()
        .where(table.c.suspension == latest)
        .values(resumed_at=suspension.resumed_at_ms)
    )


def delete_future_suspensions(connection: Connection, station_id: str, now_ms: int) -> None:
    """Drop what an engine's clock that was ahead has stored; the audit keeps it."""
    table = schema.suspensions
    connection.execute(
        table.delete().where(table.c.station_id == station_id, table.c.suspended_at > now_ms)
    )
