"""Where taps come in over HTTP: `POST /v1/taps` and `POST /v1/taps/batch`.

A framework's routing, validation and task a request cost more than the rule, the ledger and the
sync together. So the server's protocol (`api.http.protocol`) hands the bytes of these two routes
to the desk here, which answers by a call once the decision is durable.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from api.contract.problems import Headers, Refused, error_bytes, problem_bytes
from api.http.auth import UNAUTHORIZED, find_key, speaks_for
from api.http.content import check_content_encoding, check_content_type, join_values
from api.http.rights import ROUTE_RIGHTS, check_right
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.wire.answers import AnswerWriter
from api.wire.batch_answers import answer_batch
from api.wire.reader import BatchRead, TapReader
from fare_engine.access_key import Key
from fare_engine.batch import Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.errors import FareEngineError, LedgerError
from fare_engine.verdict import Verdict

logger = structlog.get_logger(__name__)

Response = tuple[int, Headers, bytes]
Respond = Callable[[Response], None]
RequestHeaders = list[tuple[bytes, bytes]]

TAPS: Final = b"/v1/taps"
BATCH: Final = b"/v1/taps/batch"

KEYS_MAX: Final = 1_000
"""Keys whose foreign gates are remembered: one controller a station, and many to spare."""

_JSON: Final = (b"content-type", b"application/json")
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_NOT_YOURS: Final = "this key does not speak for gate "


class TapDesk:
    """Answers the two tap routes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._foreign_in: Catalogue | None = None
        self._foreign: dict[Key, frozenset[str]] = {}
        self._rights = {path: ROUTE_RIGHTS["POST", path.decode()] for path in (TAPS, BATCH)}
        self.body_bytes_max = runtime.settings.body_bytes_max
        self._reader = TapReader(runtime.make_token, runtime.ride_codes.read)
        network = runtime.catalogue.network
        self._writer = AnswerWriter(network.time_zone, network.currency)

    def take(self, path: bytes, headers: RequestHeaders, body: bytes, respond: Respond) -> None:
        """Take one request; `respond` is called once, now or when the decision is durable."""
        take = self._take_one if path == TAPS else self._take_batch
        try:
            take(self._check(path, headers), body, respond)
        except Refused as refused:
            respond(refused_bytes(refused))
        except FareEngineError as error:
            respond(error_bytes(error))
        except Exception:
            logger.exception("request_failed")
            respond(_BROKEN)

    def _check(self, path: bytes, headers: RequestHeaders) -> Key:
        """The key of a request, once it may make it and its headers are right."""
        authorization = content_type = content_encoding = None
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                content_type = join_values(content_type, value)
            elif name == b"content-encoding":
                content_encoding = join_values(content_encoding, value)
        key = find_key(self._runtime, authorization)
        if key is None:
            raise Refused("unauthorized", UNAUTHORIZED)
        check_right(key, self._rights[path])
        if content_type is not None:
            check_content_type(content_type)
        if content_encoding is not None:
            check_content_encoding(content_encoding)
        return key

    def _take_one(self, key: Key, body: bytes, respond: Respond) -> None:
        received_at_ms = now_ms()
        published = self._runtime.published
        tap, finding = self._reader.read_tap(body, published)
        gate = published.catalogue.gates.get(tap.gate_id)
        if gate is not None and not speaks_for(key, gate.station_id):
            raise Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
        findings = None if finding is None else {0: finding}
        done = partial(self._answer, self._write_one, respond)
        submission = Submission((tap,), received_at_ms, done, findings, key.key_id)
        self._runtime.service.offer(submission)

    def _take_batch(self, key: Key, body: bytes, respond: Respond) -> None:
        received_at_ms = now_ms()
        read = self._reader.read_batch(body, self._runtime.published)
        self._take_out_foreign(key, read)
        done = partial(self._answer, partial(self._write_batch, read), respond)
        if not read.taps:
            done([])
            return
        submission = Submission(read.taps, received_at_ms, done, read.findings, key.key_id)
        self._runtime.service.offer(submission)

    def _answer(
        self, write: Callable[[list[Result]], Response], respond: Respond, results: list[Result]
    ) -> None:
        """Answer a request. An error here fails this request alone, never the engine."""
        try:
            response = write(results)
        except Exception:
            logger.exception("answer_failed")
            response = _BROKEN
        respond(response)

    def _write_one(self, results: list[Result]) -> Response:
        result = results[0]
        if not isinstance(result, Verdict):
            return error_bytes(result)
        answer = self._writer.write(result).encode()
        length = (b"content-length", b"%d" % len(answer))
        return 200, [_JSON, length, _REPLAYED] if result.replayed else [_JSON, length], answer

    def _write_batch(self, read: BatchRead, results: list[Result]) -> Response:
        if results and isinstance(results[0], LedgerError):
            return error_bytes(results[0])  # one transaction: it failed for all of them
        answer = answer_batch(self._writer.write, read, results)
        return 200, [_JSON, (b"content-length", b"%d" % len(answer))], answer

    def _take_out_foreign(self, key: Key, read: BatchRead) -> None:
        """Take the taps of gates that the key does not speak for out of a batch."""
        foreign = self._find_foreign_gates(key)
        if not foreign or foreign.isdisjoint({tap.gate_id for tap in read.taps}):
            return
        taps, findings, bad = read.taps, read.findings, read.bad
        read.taps, read.findings = [], {}
        places = (place for place in range(len(taps) + len(bad)) if place not in bad)
        for number, (place, tap) in enumerate(zip(list(places), taps, strict=True)):
            if tap.gate_id in foreign:
                refused = Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
                bad[place] = tap.tap_id, refused
                continue
            if number in findings:
                read.findings[len(read.taps)] = findings[number]
            read.taps.append(tap)

    def _find_foreign_gates(self, key: Key) -> frozenset[str]:
        """The gates that a key does not speak for; found once for each key and catalogue."""
        catalogue = self._runtime.catalogue
        if self._foreign_in is not catalogue or len(self._foreign) >= KEYS_MAX:
            self._foreign_in, self._foreign = catalogue, {}
        foreign = self._foreign.get(key)
        if foreign is None:
            gates = catalogue.gates.values()
            foreign = frozenset(
                gate.gate_id for gate in gates if not speaks_for(key, gate.station_id)
            )
            self._foreign[key] = foreign
        return foreign


def refused_bytes(refused: Refused) -> Response:
    status, headers, body = problem_bytes(refused.code, refused.detail, refused.errors)
    return status, [*headers, *refused.headers], body


_BROKEN: Final = problem_bytes("internal-error", "the error is in the log of the server")
