"""Whether a catalogue can be: every fault of a network, its policies and its tariffs, by field.

A fault is a pair of a field and a sentence that says what is wrong with it. `validate` looks at a
whole catalogue and names fields by their place in it (`policies.FHY.2.window_seconds`);
`check_new_policy`, `check_new_tariff`, `check_gate` and `check_medium_type` look at what is to be
published or registered, and name the fields as its author wrote them (`window_seconds`).
"""

from fare_engine.validation.catalogue import (
    check_gate,
    check_medium_type,
    check_network,
    check_new_policy,
    check_new_tariff,
    list_faults,
    validate,
)
from fare_engine.validation.network import id_pattern_faults

__all__ = [
    "check_gate",
    "check_medium_type",
    "check_network",
    "check_new_policy",
    "check_new_tariff",
    "id_pattern_faults",
    "list_faults",
    "validate",
]
