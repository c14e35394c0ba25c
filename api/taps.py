"""The way of a tap over HTTP: `POST /v1/taps` and `POST /v1/taps/batch`, as bare ASGI.

A framework's routing and validation cost more than the rule, the ledger and the sync together, so
these two stand in front of it. Whatever they do not know goes on to the application behind.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import AnswerWriter
from api.auth import UNAUTHORIZED, find_key, speaks_for
from api.problems import Headers, Refused, error_bytes, error_problem, problem, problem_bytes
from api.runtime import Runtime
from api.service import now_ms
from api.wire import BatchRead, TapReader
from fare_engine.batch import Result
from fare_engine.errors import FareEngineError, LedgerError
from fare_engine.ledger.key_store import Key
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict

Response = tuple[int, Headers, bytes]
Decide = Callable[[Key, bytes], Awaitable[Response]]

_JSON: Final = (b"content-type", b"application/json")
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_NOT_YOURS: Final = "this key does not speak for gate "


class TapRoutes:
    """Answers the two tap routes, and hands everything else to the application behind."""

    def __init__(self, runtime: Runtime, behind: ASGIApp, body_bytes_max: int) -> None:
        self._runtime = runtime
        self._behind = behind
        self._body_bytes_max = body_bytes_max
        self._reader = TapReader(runtime.make_token)
        network = runtime.catalogue.network
        self._writer = AnswerWriter(network.time_zone, network.currency)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if path == "/v1/taps":
                await self._answer(scope, receive, send, self._decide_one)
                return
            if path == "/v1/taps/batch":
                await self._answer(scope, receive, send, self._decide_batch)
                return
        await self._behind(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, decide: Decide) -> None:
        try:
            key = self._check(scope)
            body = await self._read_body(receive)
            if body is None:
                return
            status, headers, answer = await decide(key, body)
        except Refused as refused:
            status, headers, answer = _refused_bytes(refused)
        except FareEngineError as error:
            status, headers, answer = error_bytes(error)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _check(self, scope: Scope) -> Key:
        """The key of a request, after its headers were found right."""
        authorization = content_type = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                content_type = value
        key = find_key(self._runtime, authorization)
        if key is None:
            raise Refused("unauthorized", UNAUTHORIZED)
        if content_type is not None and not is_json(content_type):
            raise Refused("unsupported-media-type", "send application/json")
        return key

    async def _read_body(self, receive: Receive) -> bytes | None:
        """The body of a request; None when the client went away."""
        message: Message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            pieces = [body]
            size = len(body)
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if size > self._body_bytes_max:
                    break
            body = b"".join(pieces)
        elif message["type"] == "http.disconnect":
            return None
        if len(body) > self._body_bytes_max:
            raise Refused("body-too-large", f"a body may have {self._body_bytes_max} bytes at most")
        return body

    async def _decide_one(self, key: Key, body: bytes) -> Response:
        received_at_ms = now_ms()
        catalogue = self._runtime.catalogue
        tap, finding = self._reader.read_tap(body, catalogue)
        gate = catalogue.gates.get(tap.gate_id)
        if gate is not None and not speaks_for(key, gate.station_id):
            raise Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
        findings = None if finding is None else {0: finding}
        (result,) = await self._runtime.service.decide((tap,), received_at_ms, findings)
        if not isinstance(result, Verdict):
            return error_bytes(result)
        answer = self._writer.write(result).encode()
        length = (b"content-length", b"%d" % len(answer))
        headers = [_JSON, length, _REPLAYED] if result.replayed else [_JSON, length]
        return 200, headers, answer

    async def _decide_batch(self, key: Key, body: bytes) -> Response:
        received_at_ms = now_ms()
        read = self._reader.read_batch(body, self._runtime.catalogue)
        self._set_strangers_apart(key, read)
        results: list[Result] = []
        if read.taps:
            results = await self._runtime.service.decide(read.taps, received_at_ms, read.findings)
            if isinstance(results[0], LedgerError):  # one transaction: it failed for all of them
                return error_bytes(results[0])
        write = self._writer.write
        written = [
            write(result) if isinstance(result, Verdict) else _problem_of(tap, result)
            for tap, result in zip(read.taps, results, strict=True)
        ]
        for place in sorted(read.bad):
            written.insert(place, _bad_tap(*read.bad[place]))
        answer = f'{{"results":[{",".join(written)}]}}'.encode()
        return 200, [_JSON, (b"content-length", b"%d" % len(answer))], answer

    def _set_strangers_apart(self, key: Key, read: BatchRead) -> None:
        """Take the taps of gates that the key does not speak for out of a batch."""
        gates = self._runtime.catalogue.gates
        known = {gate_id for tap in read.taps if (gate_id := tap.gate_id) in gates}
        strange = {gate for gate in known if not speaks_for(key, gates[gate].station_id)}
        if not strange:
            return
        taps, findings, bad = read.taps, read.findings, read.bad
        read.taps, read.findings = [], {}
        places = (place for place in range(len(taps) + len(bad)) if place not in bad)
        for number, (place, tap) in enumerate(zip(list(places), taps, strict=True)):
            if tap.gate_id in strange:
                refused = Refused("gate-not-yours", _NOT_YOURS + tap.gate_id)
                bad[place] = tap.tap_id, refused
                continue
            if number in findings:
                read.findings[len(read.taps)] = findings[number]
            read.taps.append(tap)


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type header says JSON."""
    kind = content_type.split(b";", 1)[0].strip().lower()
    return kind == b"application/json" or kind.endswith(b"+json")


def _refused_bytes(refused: Refused) -> Response:
    status, headers, body = problem_bytes(refused.code, refused.detail, refused.errors)
    return status, [*headers, *refused.headers], body


def _bad_tap(tap_id: str | None, refused: Refused) -> str:
    members = problem(refused.code, refused.detail, refused.errors)
    return msgspec.json.encode({"tap_id": tap_id, "problem": members}).decode()


def _problem_of(tap: Tap, error: FareEngineError) -> str:
    return msgspec.json.encode({"tap_id": tap.tap_id, "problem": error_problem(error)}).decode()
