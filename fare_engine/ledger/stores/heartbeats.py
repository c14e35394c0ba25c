"""The latest heartbeat of each controller, where several processes take them: a shared ledger."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from fare_engine.ledger.schema import heartbeats


class StoredHeartbeat(NamedTuple):
    """What a controller reported last; `skews_ms` is what it measured then, by gate_id."""

    controller_id: str
    received_at_ms: int
    parameters_version: str | None
    outbox_taps: int
    skews_ms: Mapping[str, int]


def store_heartbeat(connection: Connection, heartbeat: StoredHeartbeat) -> None:
    """Store it in the place of the controller's last one."""
    values = dict(zip(heartbeats.columns.keys(), heartbeat, strict=True))
    this_one = heartbeats.c.controller_id == heartbeat.controller_id
    if not connection.execute(heartbeats.update().where(this_one).values(values)).rowcount:
        connection.execute(heartbeats.insert().values(values))


def list_heartbeats(connection: Connection) -> list[StoredHeartbeat]:
    """The latest of each controller."""
    return [StoredHeartbeat(*row) for row in connection.execute(select(heartbeats))]
