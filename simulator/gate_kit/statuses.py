"""What a client must do with each status of an answer: done, final or passing.

*Final*: the same bytes get the same answer, so the tap is quarantined and the next is sent.
*Passing*: it says nothing of the tap, which is kept and sent again, after ever longer pauses.
"""

from typing import Final, Literal, NamedTuple

Standing = Literal["answer", "final", "passing"]


class Status(NamedTuple):
    """One status, or the first of those that it stands for."""

    status: int
    standing: Standing
    client: str


STATUSES: Final = (
    Status(100, "passing", "wait for the answer that follows"),
    Status(200, "answer", "do what gate_action says; the tap is done"),
    Status(
        301, "passing", "follow no redirect; keep the tap, raise an alarm: the address is wrong"
    ),
    Status(304, "answer", "keep the parameters that you have"),
    Status(400, "final", "quarantine the tap, raise an alarm, send the next"),
    Status(401, "passing", "keep every tap, raise an alarm: no key that is in force was sent"),
    Status(403, "final", "quarantine the tap, raise an alarm, send the next"),
    Status(404, "final", "quarantine the tap, raise an alarm, send the next"),
    Status(405, "final", "quarantine the tap, raise an alarm: the client is wrong"),
    Status(408, "passing", "keep the tap, send it again: the request came too slowly"),
    Status(409, "final", "quarantine the tap, raise an alarm: what makes tap_ids is at fault"),
    Status(413, "final", "send half as many taps; a single one: quarantine it, send the next"),
    Status(414, "final", "quarantine the tap, raise an alarm: the client is wrong"),
    Status(415, "final", "quarantine the tap, raise an alarm: the client is wrong"),
    Status(417, "final", "quarantine the tap, raise an alarm: send no such Expect"),
    Status(422, "final", "quarantine the tap, raise an alarm, send the next"),
    Status(429, "passing", "keep the tap, send it again no sooner than Retry-After says"),
    Status(431, "final", "quarantine the tap, raise an alarm: the client is wrong"),
    Status(500, "passing", "keep the tap, raise an alarm, send it again later"),
    Status(502, "passing", "keep the tap, send it again later: the engine was not reached"),
    Status(503, "passing", "decide alone; send the tap later with offline, after Retry-After"),
    Status(504, "passing", "decide alone; send the tap later with offline: it may be decided"),
)

OTHER_4XX: Final = Status(0, "final", "quarantine the tap, raise an alarm, send the next")
NOT_OF_THE_ENGINE: Final = Status(
    0, "passing", "keep the tap, raise an alarm: something in between answered, not the engine"
)
_BY_STATUS: Final = {row.status: row for row in STATUSES}


def find_status(status: int, *, is_problem: bool = True) -> Status:
    """What a client must do; `is_problem`: whether a 4xx came with a problem of the contract."""
    if 400 <= status < 500 and status not in (401, 408, 413, 429) and not is_problem:
        return NOT_OF_THE_ENGINE._replace(status=status)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    hundreds = {1: 100, 3: 301, 5: 500}
    known = _BY_STATUS[hundreds[status // 100]] if status // 100 in hundreds else OTHER_4XX
    return known._replace(status=status)
