"""The answer to a batch: the decision of every tap in its place, or what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from api.contract.problems import error_problem, problem
from api.wire.reader import BatchRead
from fare_engine.batch import Result
from fare_engine.verdict import Verdict


def answer_batch(
    write: Callable[[Verdict], str], read: BatchRead, results: Sequence[Result]
) -> bytes:
    """The body that answers what was read of a batch; `results` are those of its taps."""
    written = [
        write(result) if isinstance(result, Verdict) else _encode(tap.tap_id, error_problem(result))
        for tap, result in zip(read.taps, results, strict=True)
    ]
    for place in sorted(read.bad):
        tap_id, refused = read.bad[place]
        members = problem(refused.code, refused.detail, refused.errors)
        written.insert(place, _encode(tap_id, members))
    return f'{{"results":[{",".join(written)}]}}'.encode()


def _encode(tap_id: str | None, members: Mapping[str, object]) -> str:
    return msgspec.json.encode({"tap_id": tap_id, "problem": members}).decode()
