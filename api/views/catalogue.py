"""Gates, names, policies, tariffs and issuers as every route that tells them does."""

from api.contract.issuers import IssuerAnswer, IssuerKeyAnswer, encode_key
from api.contract.operators import GateAnswer, NameAnswer, PolicyAnswer
from api.contract.tariffs import TariffAnswer, TariffRules
from api.contract.times import format_ms
from fare_engine.catalogue import Catalogue
from fare_engine.ledger.stores.issuers import group_by_issuer
from fare_engine.ledger.stores.tariff_document import to_document
from fare_engine.network import Gate, Name
from fare_engine.policy import Policy
from fare_engine.tariff import Tariff


def answer_gate(gate: Gate, policy: Policy | None) -> GateAnswer:
    """A gate, and whether it is on the crossing lane of a policy."""
    return GateAnswer(
        gate_id=gate.gate_id,
        exit_id=gate.exit_id,
        directions=["entry" if direction == 1 else "exit" for direction in sorted(gate.directions)],
        controller=gate.controller,
        designated=policy is not None and gate.gate_id in policy.designated_gates,
    )


def answer_name(name: Name) -> NameAnswer:
    """A name in both languages."""
    return NameAnswer(zh=name.zh, en=name.en)


def answer_policy(policy: Policy, zone: str) -> PolicyAnswer:
    """One version of a policy."""
    seconds, ms = divmod(policy.window_ms, 1_000)
    return PolicyAnswer(
        station_id=policy.station_id,
        version=policy.version,
        window_seconds=policy.window_ms / 1_000 if ms else seconds,
        media=sorted(policy.media),
        designated_gates=sorted(policy.designated_gates),
        daily_limit=policy.daily_limit,
        effective_from=format_ms(policy.effective_from_ms, zone),
        effective_to=(
            None if policy.effective_to_ms is None else format_ms(policy.effective_to_ms, zone)
        ),
        note=policy.note,
    )


def answer_tariff(tariff: Tariff, zone: str) -> TariffAnswer:
    """One version as it was published."""
    end_ms = tariff.effective_to_ms
    return TariffAnswer(
        version=tariff.version,
        effective_from=format_ms(tariff.effective_from_ms, zone),
        effective_to=None if end_ms is None else format_ms(end_ms, zone),
        rules=TariffRules.model_validate(to_document(tariff)),
    )


def answer_issuers(catalogue: Catalogue) -> list[IssuerAnswer]:
    """Every issuer, as the contract tells it."""
    zone = catalogue.network.time_zone
    return [
        IssuerAnswer(
            issuer_id=issuer_id,
            keys=[
                IssuerKeyAnswer(
                    key_id=key.key_id,
                    algorithm="SM2" if key.algorithm == "SM2" else "Ed25519",
                    public_key=encode_key(key.public_key),
                    valid_from=format_ms(key.valid_from_ms, zone),
                    valid_to=None if key.valid_to_ms is None else format_ms(key.valid_to_ms, zone),
                )
                for key in keys
            ],
        )
        for issuer_id, keys in group_by_issuer(catalogue.issuer_keys).items()
    ]
