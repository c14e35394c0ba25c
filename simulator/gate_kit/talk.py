"""One request after the other to a server, each with what the contract says of its answer."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx2

from simulator.gate_kit.statuses import find_status

TIMEOUT_S: Final = 30.0
SHOWN_MAX: Final = 200
"""Characters of an answer that are shown."""

KEPT: Final = "kept"
BROKEN: Final = "broken"
LEFT_OUT: Final = "left out"

Check = Callable[["Answer"], str | None]
"""Says what an answer lacks; None when it is as the contract says."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any
    content: bytes

    @property
    def code(self) -> str | None:
        """The code of its problem; None when it is none of the contract."""
        kind = self.body.get("type") if isinstance(self.body, dict) else None
        is_problem = isinstance(kind, str) and kind.startswith("/problems/")
        return kind.rpartition("/")[2] if is_problem and isinstance(kind, str) else None


class Step(NamedTuple):
    """One step of the conversation, as it is reported."""

    name: str
    request: str
    verdict: str
    status: int | None
    answer: str
    standing: str
    client: str
    why: str = ""


class Talk:
    """Speaks to a server with a gate key, and keeps the steps."""

    def __init__(self, url: str, key: str) -> None:
        self._key = key
        self._http = httpx2.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        self.steps: list[Step] = []

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a body of bytes is sent as it is. An empty key sends none."""
        secret = self._key if key is None else key
        sent = {"Authorization": f"Bearer {secret}"} if secret else {}
        content = body if isinstance(body, bytes) else None
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = json.dumps(body).encode() if content is None else content
        got = self._http.request(method, path, content=content, headers={**sent, **(headers or {})})
        try:
            parsed = got.json()
        except ValueError:
            parsed = None
        return Answer(got.status_code, got.headers, parsed, got.content)

    def step(
        self, name: str, method: str, path: str, body: Any = None, *, check: Check, **options: Any
    ) -> Answer:
        """A request whose answer is checked and reported."""
        answer = self.ask(method, path, body, **options)
        try:
            why = check(answer) or ""
        except (AttributeError, KeyError, TypeError, ValueError):
            why = "the answer has another shape than the contract's"
        says = find_status(answer.status, is_problem=answer.code is not None)
        client = _say_what_to_do(answer) if answer.status == 200 else says.client
        self.steps.append(
            Step(
                name,
                f"{method} {path}",
                BROKEN if why else KEPT,
                answer.status,
                _show(answer),
                says.standing,
                client,
                why,
            )
        )
        return answer

    def leave_out(self, name: str, why: str) -> None:
        """A step that cannot be made here."""
        self.steps.append(Step(name, "", LEFT_OUT, None, "", "", "", why))


def expect_problem(status: int, code: str, *headers: str) -> Check:
    """An error of the contract (RFC 9457), with these headers."""

    def check(answer: Answer) -> str | None:
        kind = answer.headers.get("content-type", "")
        missing = [name for name in headers if name not in answer.headers]
        if (answer.status, answer.code) != (status, code):
            return f"must be {status} {code}"
        if kind != "application/problem+json":
            return f"must be application/problem+json, not {kind}"
        if (status == 422) != ("errors" in answer.body):
            return "errors must be there with 422, and with nothing else"
        return f"needs the header {missing[0]}" if missing else None

    return check


def expect_decision(tap_id: str, *reasons: str, **fields: Any) -> Check:
    """A decision of this tap, by one of these reasons, with these fields."""

    def check(answer: Answer) -> str | None:
        if answer.status != 200 or not isinstance(answer.body, dict):
            return "must be 200 with a decision"
        return find_fault(answer.body, tap_id, reasons, fields)

    return check


def find_fault(
    decision: Any, tap_id: str, reasons: tuple[str, ...] = (), fields: Mapping[str, Any] = {}
) -> str | None:
    """What keeps a value from being a decision of this tap; None when it is one."""
    if not isinstance(decision, dict) or decision.get("tap_id") != tap_id:
        return f"must be the decision of {tap_id}"
    if decision.get("gate_action") not in ("open", "refuse"):
        return "gate_action must be open or refuse"
    if any(type(decision.get(name)) is not int for name in ("fare", "fare_waived")):
        return "fare and fare_waived must be whole fen"
    if reasons and decision.get("reason") not in reasons:
        return f"the reason must be {' or '.join(reasons)}"
    wrong = [name for name, value in fields.items() if decision.get(name) != value]
    return f"{wrong[0]} must be {fields[wrong[0]]}" if wrong else None


def _say_what_to_do(answer: Answer) -> str:
    """What a gate does with a decision; with other answers there is nothing to do."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if "results" in body:
        return "a decision: the tap is done; a problem: by its status, for that tap alone"
    if "gate_action" not in body:
        return "nothing"
    action = "open" if body["gate_action"] == "open" else "stay shut"
    return f"{action}, take {body.get('fare')} fen; the tap is done"


def _show(answer: Answer) -> str:
    """What an answer says, in a few words. No card: answers have none."""
    if answer.code is not None:
        return f"{answer.code}: {answer.body.get('detail')}"[:SHOWN_MAX]
    if isinstance(answer.body, dict) and "outcome" in answer.body:
        replayed = ", replayed" if "idempotent-replayed" in answer.headers else ""
        words = ("outcome", "reason", "gate_action")
        return " ".join(str(answer.body.get(word)) for word in words)[:SHOWN_MAX] + replayed
    return f"{len(answer.content):,} bytes"
