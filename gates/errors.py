"""What can go wrong at a gate, in one tree. Every error has a stable ``code``.

::

    GatesError
    ├── EngineFailed              the engine did not decide; the gate decides alone
    │   ├── DeadlinePassed        deadline-passed: no answer in time
    │   ├── Unreachable           unreachable: no connection, or it broke
    │   ├── Busy                  busy: 408, 429 or 5xx; `retry_after_s` where it said so
    │   ├── AnswerUnreadable      answer-unreadable: what came is not of the contract, 3xx and
    │   │                         a proxy's own 4xx among it
    │   └── KeyRefused            key-refused: 401; no fault of the tap
    ├── Refused                   the problem's code: any other 4xx of the engine, and every 413:
    │                             it stays so when sent again
    ├── MediumUnreadable          medium-unreadable: fits no medium of the network
    ├── OutboxFull                outbox-full: too many taps wait
    ├── OutboxBroken              outbox-broken: the file cannot be read or written
    ├── OutboxInUse               outbox-in-use: another controller has locked it
    ├── ParametersInvalid         parameters-invalid: not as the engine makes them
    ├── UnknownTap                unknown-tap: the outbox has no such tap
    └── WrongUsage                wrong-usage: an option or a line that cannot be read
"""


class GatesError(Exception):
    """An error with a stable ``code``; the text may change."""

    code = "gates-error"


class EngineFailed(GatesError):
    """The engine did not decide. Sent again under the same tap_id, the tap may be decided."""

    code = "engine-failed"


class DeadlinePassed(EngineFailed):
    code = "deadline-passed"


class Unreachable(EngineFailed):
    code = "unreachable"


class Busy(EngineFailed):
    code = "busy"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AnswerUnreadable(EngineFailed):
    code = "answer-unreadable"


class KeyRefused(EngineFailed):
    code = "key-refused"


class Refused(GatesError):
    """The engine will not take this, now or later; `code` and `status` are the problem's."""

    def __init__(self, code: str, status: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.status = status
        self.detail = detail


class MediumUnreadable(GatesError):
    code = "medium-unreadable"


class OutboxFull(GatesError):
    code = "outbox-full"


class OutboxBroken(GatesError):
    code = "outbox-broken"


class OutboxInUse(GatesError):
    code = "outbox-in-use"


class ParametersInvalid(GatesError):
    code = "parameters-invalid"


class UnknownTap(GatesError):
    code = "unknown-tap"


class WrongUsage(GatesError):
    code = "wrong-usage"
