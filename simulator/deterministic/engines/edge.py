"""The real edge of an engine: requests to submissions, results to answers, over no network."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from api.contract.problems import Refused, error_bytes, problem_bytes
from api.contract.taps import ReportRequest
from api.wire.answers import AnswerWriter
from api.wire.batch_answers import answer_batch
from api.wire.reader import BatchRead, TapReader
from api.wire.ride_codes import RideCodeReader
from fare_engine.batch import ReportSubmission, Result, Submission
from fare_engine.errors import LedgerError
from fare_engine.published import Published
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from gates.media import TokenMaker
from simulator.deterministic.engines.shared import TOKEN_KEY
from simulator.deterministic.phones import parse_once

Answer = tuple[int, bytes, bool | None] | None
"""Status, body, and whether it is marked as a replay; None: the connection broke."""
Write = Callable[[list[Result]], Answer]
Answered = Callable[[Write, list[Result]], None]


class Edge:
    """What stands between the network and one engine."""

    def __init__(self, published: Published) -> None:
        make_token = TokenMaker(TOKEN_KEY).token
        codes = RideCodeReader(make_token, published.catalogue, parse_once)
        self._reader = TapReader(make_token, codes.read)
        network = published.catalogue.network
        self._writer = _find_writer(network.time_zone, network.currency)

    def read(
        self, path: str, body: bytes, published: Published, now_ms: int, answered: Answered
    ) -> Submission | ReportSubmission:
        """What a request submits; `answered` gets its results. Refused says what is wrong."""
        done = partial(answered, self._write_one)
        if path == "taps":
            tap, finding = self._reader.read_tap(body, published)
            return Submission((tap,), now_ms, done, None if finding is None else {0: finding})
        if path == "batch":
            read = self._reader.read_batch(body, published)
            done = partial(answered, partial(self._write_batch, read))
            return Submission(read.taps, now_ms, done, read.findings)
        asked = ReportRequest.model_validate_json(body)
        opened = asked.gate_action_taken == "open"
        report = Report(opened, asked.fare_taken, asked.passed, asked.cause)
        return ReportSubmission(path, report, now_ms, done)

    def _write_one(self, results: list[Result]) -> Answer:
        (result,) = results
        if isinstance(result, Verdict):
            return 200, self._writer.write(result).encode(), result.replayed
        status, _, body = error_bytes(result)
        return status, body, None

    def _write_batch(self, read: BatchRead, results: list[Result]) -> Answer:
        if isinstance(results[0], LedgerError):
            status, _, body = error_bytes(results[0])
            return status, body, None
        return 200, answer_batch(self._writer.write, read, results), None


_find_writer: Final = cache(AnswerWriter)
"""What it remembers of minutes holds for every process and every seed."""


def write_refusal(refused: Refused) -> Answer:
    """The answer to a request that is refused whole."""
    status, _, body = problem_bytes(refused.code, refused.detail, refused.errors)
    return status, body, None
