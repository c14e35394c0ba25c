"""What crossed the network, written down as the auditor reads it, in the order of its happening."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from simulator.blackbox.line import Reply

Document = Mapping[str, Any]


class AuditLog:
    """JSON lines of a run; `simulator.auditor.log.audit_log` judges them."""

    def __init__(self, lines: TextIO, network: Document, published: Document) -> None:
        self._lines = lines
        self._requests = 0
        self._write("begins", network=network, published=published)

    def tap_sent(self, tap: Document) -> str:
        """A tap goes out by itself; the name of the request."""
        request = self._name()
        self._write("tap_sent", request=request, tap=tap, at_ms=_now_ms())
        return request

    def batch_sent(self, taps: Sequence[Document]) -> str:
        """A batch goes out; the name of the request."""
        request = self._name()
        self._write("batch_sent", request=request, taps=taps, at_ms=_now_ms())
        return request

    def report_sent(self, tap_id: str, report: Document) -> str:
        """A report goes out; the name of the request."""
        request = self._name()
        self._write("report_sent", request=request, tap_id=tap_id, report=report, at_ms=_now_ms())
        return request

    def answered(self, request: str, reply: Reply, *, is_marked: bool) -> None:
        """An answer came. `is_marked`: of a single tap, which says whether it is a replay."""
        self._write(
            "answered",
            request=request,
            status=reply.status,
            body=reply.body.decode("utf-8", "replace"),
            at_ms=_now_ms(),
            replayed=reply.replayed if is_marked else None,
        )

    def unanswered(self, request: str) -> None:
        """No answer will come."""
        self._write("unanswered", request=request)

    def read_back(self, tap_id: str, status: int, tap: Document | None) -> None:
        """A tap was read after everything healed."""
        self._write("read_back", tap_id=tap_id, status=status, tap=tap, at_ms=_now_ms())

    def outbox(self, controller: str, tap_ids: Sequence[str]) -> None:
        """What a controller still holds at the end."""
        self._write("outbox", controller_id=controller, tap_ids=tap_ids)

    def _name(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    def _write(self, event: str, **fields: Any) -> None:
        self._lines.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
