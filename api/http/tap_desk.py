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
from api.http.auth import speaks_for, speaks_for_some
from api.http.content import check_content_encoding, check_content_type
from api.http.ownership import Ownership
from api.http.rights import ROUTE_RIGHTS, check_right
from api.runtime.service import now_ms
from api.runtime.wiring import Runtime
from api.wire.answers import AnswerWriter
from api.wire.batch_answers import answer_batch
from api.wire.reader import BatchRead, TapReader
from fare_engine.access_key import Key
from fare_engine.batch import Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.errors import FareEngineError, GateNotYours, LedgerError
from fare_engine.network import Gate
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict

logger = structlog.get_logger(__name__)

Response = tuple[int, Headers, bytes]
Respond = Callable[[Response], None]
RequestHeaders = dict[bytes, bytes]
"""By name, in lower case."""

TAPS: Final = "/v1/taps"
BATCH: Final = "/v1/taps/batch"
TAP_PATHS: Final = (TAPS, BATCH)

_JSON: Final = (b"content-type", b"application/json")
_CONTENT_TYPES: Final = (_JSON[1], None)
"""Those of nearly all requests."""
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_NOT_YOURS: Final = "this key does not speak for gate "


class TapDesk:
    """Answers the two tap routes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ownership = Ownership(runtime.catalogue.gates)
        self._ownership_of = runtime.catalogue
        self._rights = {path: ROUTE_RIGHTS["POST", path] for path in TAP_PATHS}
        self._reader = TapReader(runtime.make_token, runtime.ride_codes.read)
        network = runtime.catalogue.network
        self._writer = AnswerWriter(network.time_zone, network.currency)

    def take(
        self, path: str, key: Key, headers: RequestHeaders, body: bytes, respond: Respond
    ) -> None:
        """Take one request of a key; `respond` is called once, now or when it is durable."""
        take = self._take_one if path == TAPS else self._take_batch
        try:
            self._check(path, key, headers)
            take(key, body, respond)
        except Refused as refused:
            respond(refused_bytes(refused))
        except FareEngineError as error:
            respond(error_bytes(error))
        except Exception:
            logger.exception("request_failed")
            respond(_BROKEN)

    def _check(self, path: str, key: Key, headers: RequestHeaders) -> None:
        """Refuse a request that its key may not make, or whose body is said not to be JSON."""
        check_right(key, self._rights[path])
        content_type = headers.get(b"content-type")
        if content_type not in _CONTENT_TYPES:
            check_content_type(content_type or b"")
        content_encoding = headers.get(b"content-encoding")
        if content_encoding is not None:
            check_content_encoding(content_encoding)

    def _take_one(self, key: Key, body: bytes, respond: Respond) -> None:
        received_at_ms = now_ms()
        published = self._runtime.published
        tap, finding = self._reader.read_tap(body, published)
        gate = published.catalogue.gates.get(tap.gate_id)
        if (
            gate is not None
            and (gate.earlier or not speaks_for(key, gate.station_id))
            and not self._speaks_for_tap(key, gate, tap)
        ):
            raise Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
        if speaks_for_some(key):
            other = self._get_ownership(published.catalogue).find_other(tap)
            if other is not None:
                finding = _not_yours(key, tap, other)
        findings = None if finding is None else {0: finding}
        done = partial(self._answer, self._write_one, respond)
        submission = Submission((tap,), received_at_ms, done, findings, key.key_id)
        self._runtime.service.offer(submission)

    def _take_batch(self, key: Key, body: bytes, respond: Respond) -> None:
        received_at_ms = now_ms()
        read = self._reader.read_batch(body, self._runtime.published)
        if speaks_for_some(key):
            ownership = self._get_ownership(self._runtime.catalogue)
            self._take_out_foreign(key, ownership.list_foreign_gates(key), read)
            for place, other in ownership.list_others(read.taps):
                read.findings[place] = _not_yours(key, read.taps[place], other)
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

    def _take_out_foreign(self, key: Key, foreign: frozenset[str], read: BatchRead) -> None:
        """Take the taps of gates that the key does not speak for out of a batch."""
        gates = self._runtime.catalogue.gates
        if not foreign or foreign.isdisjoint({tap.gate_id for tap in read.taps}):
            return
        taps, findings, bad = read.taps, read.findings, read.bad
        read.taps, read.findings = [], {}
        places = (place for place in range(len(taps) + len(bad)) if place not in bad)
        for number, (place, tap) in enumerate(zip(list(places), taps, strict=True)):
            gate_id = tap.gate_id
            if gate_id in foreign and not self._speaks_for_tap(key, gates[gate_id], tap):
                refused = Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
                bad[place] = tap.tap_id, refused
                continue
            if number in findings:
                read.findings[len(read.taps)] = findings[number]
            read.taps.append(tap)

    def _get_ownership(self, catalogue: Catalogue) -> Ownership:
        """What belongs to whom; found out once for each catalogue."""
        if self._ownership_of is not catalogue:
            self._ownership, self._ownership_of = Ownership(catalogue.gates), catalogue
        return self._ownership

    def _speaks_for_tap(self, key: Key, gate: Gate, tap: Tap) -> bool:
        """Whether a key speaks for the station that a gate stood at when it was tapped.

        A clock that is known to be wrong may put the tap on the other side of a move: the station
        at the corrected time counts too, since what is refused here is lost.
        """
        at_ms = tap.occurred_at_ms
        if speaks_for(key, gate.at(at_ms).station_id):
            return True
        clocks = self._runtime.clocks
        if not gate.earlier or gate.gate_id not in clocks.suspects:
            return False
        corrected_ms = at_ms - clocks.skews[gate.gate_id].skew_ms
        return speaks_for(key, gate.at(corrected_ms).station_id)


def _not_yours(key: Key, tap: Tap, other: Gate) -> GateNotYours:
    """What is found of a tap_id that names another gate than the tap's own."""
    message = f"tap_id {tap.tap_id} is one of gate {other.gate_id}, not of {tap.gate_id}"
    return GateNotYours(message, is_foreign=not speaks_for(key, other.station_id))


def refused_bytes(refused: Refused) -> Response:
    status, headers, body = problem_bytes(refused.code, refused.detail, refused.errors)
    return status, [*headers, *refused.headers], body


_BROKEN: Final = problem_bytes("internal-error", "the error is in the log of the server")
