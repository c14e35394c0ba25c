"""Gates, names, policies, tariffs and issuers, for every route that answers with them."""

from api.contract.issuers import IssuerAnswer
from api.contract.operators import GateAnswer, NameAnswer, PolicyAnswer
from api.contract.tariffs import TariffAnswer
from fare_engine.catalogue import Catalogue
from fare_engine.documents import (
    gate_document,
    issuer_documents,
    name_document,
    policy_document,
    tariff_document,
)
from fare_engine.network import Gate, Name
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff


def view_gate(gate: Gate, policy: Policy | None) -> GateAnswer:
    """A gate, and whether it is on the crossing lane of a policy."""
    document = gate_document(gate)
    del document["station_id"]  # it stands with its station
    return GateAnswer(**document, designated=is_designated(gate, policy))


def is_designated(gate: Gate, policy: Policy | None) -> bool:
    """Whether a gate is on the crossing lane of a policy."""
    return policy is not None and gate.gate_id in policy.designated_gates


def view_name(name: Name) -> NameAnswer:
    """A name in both languages."""
    return NameAnswer(**name_document(name))


def view_policy(policy: Policy, zone: str) -> PolicyAnswer:
    """One version of a policy."""
    return PolicyAnswer(**policy_document(policy, zone))


def view_tariff(tariff: Tariff, zone: str) -> TariffAnswer:
    """One version as it was published."""
    return TariffAnswer(**tariff_document(tariff, zone))


def view_issuers(catalogue: Catalogue) -> list[IssuerAnswer]:
    """Every issuer with its keys."""
    documents = issuer_documents(catalogue.issuer_keys, catalogue.network.time_zone)
    return [IssuerAnswer(**document) for document in documents]
