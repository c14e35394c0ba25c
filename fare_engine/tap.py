"""A tap: one presentation of a medium at a gate."""

from fare_engine.value import Value


class Report(Value, frozen=True):
    """What a gate did by itself, by the rule or not.

    `passed` None: the gate did not say whether the passenger went through.
    """

    gate_opened: bool
    fare_taken: int
    passed: bool | None = None
    cause: str | None = None


class Tap(Value, frozen=True):
    """One presentation of a medium at a gate, as it reaches the rule.

    `token` is the keyed hash of the medium (16 bytes), never its number. `occurred_at_ms` is the
    gate's clock. `direction` is a `Direction`. `report` is there when the gate decided alone.
    `listed_fare` is what the source of a recorded tap lists as its fare, in fen: a charged journey
    costs just that.
    """

    tap_id: str
    gate_id: str
    direction: int
    medium_type: str
    token: bytes
    occurred_at_ms: int
    report: Report | None = None
    listed_fare: int | None = None

    def has_content_of(self, other: "Tap") -> bool:
        """Whether two taps under one tap_id are the same tap; what a gate did is no content."""
        return (
            self.gate_id == other.gate_id
            and self.direction == other.direction
            and self.medium_type == other.medium_type
            and self.token == other.token
            and self.occurred_at_ms == other.occurred_at_ms
        )
