"""The catalogue in the ledger: stored, read whole, and changed by publishing and suspending.

Every change is one transaction of the caller (`fare_engine.ledger.database.writing`): the versions
are read again, the new one is checked, stored and audited, and a new catalogue comes back, to be
swapped in once the transaction is committed. What open journeys pinned stays as it is.
"""

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from fare_engine.catalogue import Catalogue
from fare_engine.distances import find_distances
from fare_engine.documents import (
    Document,
    policy_document,
    suspension_document,
    tariff_document,
)
from fare_engine.errors import ConfigurationError, NotFound
from fare_engine.ledger.stores.audit import record_change
from fare_engine.ledger.stores.issuers import read_issuer_keys
from fare_engine.ledger.stores.modes import read_modes
from fare_engine.ledger.stores.network_rows import has_network, insert_network, read_network
from fare_engine.ledger.stores.version_rows import (
    delete_future_suspensions,
    encode_tariff,
    insert_policy,
    insert_suspension,
    insert_tariff,
    read_policies,
    read_suspensions,
    read_tariffs,
    update_resumed,
)
from fare_engine.network import Distances, FareTable, Network
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff
from fare_engine.validation import check_network, check_new_policy, check_new_tariff


def store_network(connection: Connection, network: Network, actor: str, now_ms: int) -> Network:
    """Store the network of a new ledger; its gates and media come back with their numbers."""
    if has_network(connection):
        raise ConfigurationError("the ledger already holds a network; nothing was changed")
    check_network(network)
    network = insert_network(connection, network)
    counts = {
        "network_id": network.network_id,
        "stations": len(network.stations),
        "gates": len(network.gates),
    }
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="network.stored",
        subject=network.network_id,
        after=counts,
    )
    return network


def load_catalogue(connection: Connection) -> Catalogue:
    """The catalogue as it is stored. Distances are worked out once, for all tariffs."""
    network = read_network(connection)
    return Catalogue(
        network=network,
        policies=read_policies(connection),
        suspensions=read_suspensions(connection),
        tariffs=read_tariffs(connection, find_distances(network)),
        issuer_keys=read_issuer_keys(connection),
        modes=read_modes(connection),
    )


def publish_policy(
    connection: Connection, catalogue: Catalogue, draft: Policy, actor: str, now_ms: int
) -> Catalogue:
    """Publish a policy as its station's next version; the draft's own number is ignored.

    CatalogueInvalid names each field that cannot be, as `check_new_policy` does.
    """
    station_id = draft.station_id
    catalogue.get_station(station_id)
    earlier = read_policies(connection).get(station_id, ())
    catalogue = replace(catalogue, policies={**catalogue.policies, station_id: earlier})
    check_new_policy(catalogue, draft, now_ms)
    policy = replace(draft, version=len(earlier) + 1)
    insert_policy(connection, policy, now_ms)
    zone = catalogue.network.time_zone
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="policy.published",
        subject=station_id,
        before=policy_document(earlier[-1], zone) if earlier else None,
        after=policy_document(policy, zone),
    )
    return replace(catalogue, policies={**catalogue.policies, station_id: (*earlier, policy)})


class PreparedTariff(NamedTuple):
    """A tariff that is checked, with its number and what is stored of it."""

    tariff: Tariff
    encoded: Document


def prepare_tariff(catalogue: Catalogue, draft: Tariff) -> PreparedTariff:
    """A tariff that may be the next version, over the distances of the network.

    All that takes long of a large fare table is done here, so that no transaction waits for it.
    CatalogueInvalid names each field that cannot be, as `check_new_tariff` does.
    """
    fares = FareTable(get_distances(catalogue), draft.fares.bands, draft.fares.explicit)
    tariff = replace(draft, version=len(catalogue.tariffs) + 1, fares=fares)
    check_new_tariff(catalogue, tariff)
    return PreparedTariff(tariff, encode_tariff(tariff))


def publish_tariff(
    connection: Connection,
    catalogue: Catalogue,
    draft: Tariff | PreparedTariff,
    actor: str,
    now_ms: int,
) -> Catalogue:
    """Publish a tariff as the next version; one that is prepared for it needs no more checks."""
    # Tariffs known before stay the same objects: terms that journeys pinned refer to them.
    known = catalogue.tariffs
    newer = read_tariffs(connection, get_distances(catalogue), after_version=len(known))
    earlier = (*known, *newer)
    catalogue = replace(catalogue, tariffs=earlier)
    if isinstance(draft, PreparedTariff) and draft.tariff.version == len(earlier) + 1:
        tariff, encoded = draft
    else:
        draft = draft.tariff if isinstance(draft, PreparedTariff) else draft
        tariff, encoded = prepare_tariff(catalogue, draft)
    insert_tariff(connection, tariff, encoded, now_ms)
    zone = catalogue.network.time_zone
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="tariff.published",
        subject=f"tariff {tariff.version}",
        before=_describe(earlier[-1], zone) if earlier else None,
        after=_describe(tariff, zone),
    )
    return replace(catalogue, tariffs=(*earlier, tariff))


def suspend(
    connection: Connection,
    catalogue: Catalogue,
    station_id: str,
    reason: str,
    actor: str,
    now_ms: int,
) -> Catalogue:
    """Suspend a station's policy from now on; suspended already, it stays as it is.

    A suspension that has not begun yet, since the engine's clock was ahead, begins now instead.
    NotFound where the station has no policy: there would be nothing to suspend.
    """
    catalogue.get_station(station_id)
    if not read_policies(connection).get(station_id):
        raise NotFound(f"station {station_id!r} has no policy that could be suspended")
    suspensions = read_suspensions(connection).get(station_id, ())
    if any(one.suspended_at_ms > now_ms for one in suspensions):
        # The engine's clock was ahead when they were made: they must not keep the switch from now.
        delete_future_suspensions(connection, station_id, now_ms)
        suspensions = tuple(one for one in suspensions if one.suspended_at_ms <= now_ms)
    latest = suspensions[-1] if suspensions else None
    if latest is None or not latest.covers(now_ms):
        suspension = Suspension(station_id, now_ms, reason)
        insert_suspension(connection, suspension)
        suspensions = (*suspensions, suspension)
    elif latest.resumed_at_ms is not None:  # it was resumed by a clock that was ahead
        suspension = replace(latest, resumed_at_ms=None)
        update_resumed(connection, suspension)
        suspensions = (*suspensions[:-1], suspension)
    else:
        return _with_suspensions(catalogue, station_id, suspensions)
    record_change(
        connection,
        at_ms=now_ms,
        actor=actor,
        action="policy.suspended",
        subject=station_id,
        after=suspension_document(suspension, catalogue.network.time_zone),
    )
    return _with_suspensions(catalogue, station_id, suspensions)


def resume(
    connection: Connection,
    catalogue: Catalogue,
    station_id: str,
    reason: str,
    actor: str,
    now_ms: int,
) -> Catalogue:
    """Let a station's policy waive again from now on; not suspended, it stays as it is."""
    catalogue.get_station(station_id)
    suspensions = read_suspensions(connection).get(station_id, ())
    latest = suspensions[-1] if suspensions else None
    if latest is not None and (latest.resumed_at_ms is None or latest.covers(now_ms)):
        resumed = replace(latest, resumed_at_ms=max(now_ms, latest.suspended_at_ms))
        update_resumed(connection, resumed)
        zone = catalogue.network.time_zone
        record_change(
            connection,
            at_ms=now_ms,
            actor=actor,
            action="policy.resumed",
            subject=station_id,
            before=suspension_document(latest, zone),
            after={**suspension_document(resumed, zone), "resume_reason": reason},
        )
        suspensions = (*suspensions[:-1], resumed)
    return _with_suspensions(catalogue, station_id, suspensions)


def get_distances(catalogue: Catalogue) -> Distances:
    """The network's distances, which all tariffs of a catalogue share."""
    if catalogue.tariffs:
        return catalogue.tariffs[0].fares.distances
    return find_distances(catalogue.network)


def _describe(tariff: Tariff, zone: str) -> Document:
    """A tariff as the audit shows it, with its rules among the other fields.

    A large table is left out: versions are never edited, so it stands where this one is shown.
    """
    document = tariff_document(tariff, zone)
    rules: Document = document.pop("rules")
    return document | rules


def _with_suspensions(
    catalogue: Catalogue, station_id: str, suspensions: tuple[Suspension, ...]
) -> Catalogue:
    if catalogue.suspensions.get(station_id, ()) == suspensions:
        return catalogue
    return replace(catalogue, suspensions={**catalogue.suspensions, station_id: suspensions})
