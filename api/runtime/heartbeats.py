"""A heartbeat of a controller: kept in memory, and in a shared ledger for all its workers."""

from collections.abc import Mapping

from api.runtime.clocks import Heartbeat
from api.runtime.wiring import Runtime
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.clocks import load_skews_of, record_skews
from fare_engine.ledger.stores.heartbeats import StoredHeartbeat, store_heartbeat


async def keep_heartbeat(
    runtime: Runtime,
    controller_id: str,
    heartbeat: Heartbeat,
    skews_ms: Mapping[str, int],
    numbers: Mapping[str, int],
) -> None:
    """Go by the skews of a heartbeat from the next tap on, once all that has to be is stored.

    `numbers` are those of the gates in the ledger, by gate_id.
    """
    clocks, is_shared = runtime.clocks, not runtime.ledger.is_local
    at_ms = heartbeat.received_at_ms
    tolerance_ms = runtime.find_clock_tolerance(at_ms)
    if is_shared and skews_ms:  # another worker may have stored the last change
        names = {numbers[gate_id]: gate_id for gate_id in skews_ms}
        stored = await runtime.read(lambda connection: load_skews_of(connection, [*names]))
        clocks.recorded({names[number]: skew_ms for number, skew_ms in stored.items()})
    changes = clocks.list_changes(skews_ms, tolerance_ms)

    def store(connection: Connection) -> None:
        numbered = {numbers[gate_id]: skew_ms for gate_id, skew_ms in changes.items()}
        record_skews(connection, numbered, at_ms)
        if is_shared:
            store_heartbeat(connection, StoredHeartbeat(controller_id, *heartbeat, skews_ms))

    if changes or is_shared:
        await runtime.write(store)
        clocks.recorded(changes)
    clocks.apply(skews_ms, at_ms, tolerance_ms)
    clocks.heartbeats[controller_id] = heartbeat
