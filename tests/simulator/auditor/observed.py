"""A real engine over a real ledger, watched from outside: what a network would carry, and no more.

Requests are bodies of the contract; a test decides when one reaches the engine, when its answer
arrives, and whether either gets lost. The auditor sees all of it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from api.contract.problems import error_problem
from api.views.explanations import explain
from api.wire.answers import AnswerWriter
from api.wire.reader import TapReader
from api.wire.ride_codes import RideCodeReader
from fare_engine.batch import ReportSubmission, Result, Submission
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.ledger.database import open_database, reading
from fare_engine.ledger.queries.explanations import find_explanation
from fare_engine.published import Published
from fare_engine.tap import Report
from fare_engine.verdict import Verdict
from gates.media import TokenMaker
from simulator.auditor.auditor import Auditor
from simulator.publications import describe_block, describe_catalogue, describe_network
from tests.fare_engine.small_metro import NOON_MS, SmallMetro

Alter = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Changes what a tap is answered, to plant an error; None loses the answer's tap."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    replayed: bool | None


class Request:
    """One request on its way: offered to the engine at most twice, answered at most once."""

    def __init__(self, name: str, body: dict[str, Any], tap_id: str, is_report: bool) -> None:
        self.name = name
        self.body = body
        self.tap_id = tap_id
        self.is_report = is_report
        self.submissions: list[Submission | ReportSubmission] = []


class ObservedMetro:
    """The small metro, with the auditor at its gates."""

    def __init__(self, directory: Path, catalogue: Catalogue | None = None) -> None:
        self.metro = SmallMetro(directory)
        if catalogue is not None:
            self.metro.catalogue = replace(
                self.metro.catalogue,
                policies=catalogue.policies,
                tariffs=catalogue.tariffs,
                suspensions=catalogue.suspensions,
                modes=catalogue.modes,
                terms={},
            )
            self.metro.restart()
        self.now_ms = NOON_MS
        network = self.metro.catalogue.network
        self._make_token = TokenMaker(b"k" * 32).token
        codes = RideCodeReader(self._make_token, self.metro.catalogue)
        self._blocked: dict[tuple[str, str], int] = {}
        self._reader = TapReader(self._make_token, codes.read)
        self._writer = AnswerWriter(network.time_zone, network.currency)
        self.auditor = Auditor(describe_network(network), describe_catalogue(self.metro.catalogue))
        self.answers: dict[str, Answer] = {}
        self.sent: list[str] = []
        self._requests = 0

    def close(self) -> None:
        self.metro.ledger.close()

    def send(self, body: dict[str, Any]) -> Request:
        """A gate sends a tap; it has not reached the engine yet."""
        request = self._request(body, body["tap_id"], is_report=False)
        self.auditor.tap_sent(request.name, body, self.now_ms)
        return request

    def send_report(self, tap_id: str, body: dict[str, Any]) -> Request:
        request = self._request(body, tap_id, is_report=True)
        self.auditor.report_sent(request.name, tap_id, body, self.now_ms)
        return request

    def _request(self, body: dict[str, Any], tap_id: str, is_report: bool) -> Request:
        self._requests += 1
        if tap_id not in self.sent:
            self.sent.append(tap_id)
        return Request(f"r{self._requests}", body, tap_id, is_report)

    def arrive(self, request: Request) -> None:
        """The request reaches the engine, which decides at its next turn."""
        submission: Submission | ReportSubmission
        if request.is_report:
            body = request.body
            report = Report(
                body["gate_action_taken"] == "open",
                body["fare_taken"],
                body.get("passed"),
                body.get("cause"),
            )
            submission = ReportSubmission(request.tap_id, report, self.now_ms, lambda _: None)
        else:
            read = self._reader.read_tap(json.dumps(request.body).encode(), self._publish())
            findings = None if read[1] is None else {0: read[1]}
            submission = Submission([read[0]], self.now_ms, lambda _: None, findings)
        request.submissions.append(submission)
        self.metro.engine.offer(submission)

    def turn(self) -> None:
        """The engine decides what reached it, in one transaction."""
        self.metro.engine.run_batch(self.now_ms)

    def find_answer(self, request: Request) -> Answer:
        """What the engine answered to the copy of the request that arrived last."""
        (result,) = request.submissions[-1].results
        return self._write(result)

    def deliver(self, request: Request, alter: Alter | None = None) -> Answer:
        """The answer arrives at the gate, perhaps altered."""
        answer = self.find_answer(request)
        if alter is not None and answer.status == 200:
            altered = alter(request.tap_id, json.loads(answer.text))
            text = json.dumps(altered, separators=(",", ":"), ensure_ascii=False)
            answer = replace(answer, text=text)
        self.auditor.answered(
            request.name, answer.status, answer.text, self.now_ms, answer.replayed
        )
        self.answers[request.tap_id] = answer
        return answer

    def lose(self, request: Request) -> None:
        """No answer will reach the gate."""
        self.auditor.unanswered(request.name)

    def ask(self, body: dict[str, Any], alter: Alter | None = None) -> Answer:
        """One tap, sent and answered with nothing in between."""
        return self._ask(self.send(body), alter)

    def report(self, tap_id: str, body: dict[str, Any]) -> Answer:
        return self._ask(self.send_report(tap_id, body), None)

    def _ask(self, request: Request, alter: Alter | None) -> Answer:
        self.arrive(request)
        self.turn()
        return self.deliver(request, alter)

    def publish(self, catalogue: Catalogue) -> None:
        """A change is swapped in between two turns."""
        self.auditor.changing()
        self.swap_in(catalogue)
        self.auditor.changed(self.describe_published())

    def block(self, medium: tuple[str, str], from_ms: int | None) -> None:
        """A medium is put on the block list, or (None) taken off it."""
        self.auditor.changing()
        if from_ms is None:
            self._blocked.pop(medium, None)
        else:
            self._blocked[medium] = from_ms
        self.auditor.changed(self.describe_published())

    def describe_published(self) -> dict[str, Any]:
        """What is published, as anyone may read it."""
        catalogue = self.metro.catalogue
        blocked = [
            describe_block(":".join(medium), from_ms, catalogue.network.time_zone)
            for medium, from_ms in self._blocked.items()
        ]
        return describe_catalogue(catalogue) | {"blocked": blocked}

    def swap_in(self, catalogue: Catalogue) -> None:
        self.metro.use(catalogue)

    def _publish(self) -> Published:
        """What is published now, the block list too."""
        since_ms = {self._make_token(*medium): at_ms for medium, at_ms in self._blocked.items()}
        return replace(self.metro.published, blocked=since_ms)

    def read_back(self, alter: Alter | None = None) -> None:
        """Ask the ledger for every tap that was ever sent."""
        catalogue = self.metro.catalogue
        where = self.metro.ledger.where
        database = open_database(self.metro.path)
        for tap_id in self.sent:
            with reading(database) as connection:
                explanation = find_explanation(connection, catalogue, where, tap_id)
            document: Mapping[str, Any] | None = None
            if explanation is not None:
                document = explain(explanation, catalogue.network).model_dump(mode="json")
                if alter is not None:
                    document = alter(tap_id, dict(document))
            status = 404 if document is None else 200
            self.auditor.read_back(tap_id, status, document, self.now_ms)
        database.dispose()

    def _write(self, result: Result) -> Answer:
        if isinstance(result, Verdict):
            return Answer(200, self._writer.write(result), result.replayed)
        problem: dict[str, Any] = {"type": "/problems/not-found", "status": 404}
        if not isinstance(result, NotFound):
            problem = dict(error_problem(result))
        return Answer(problem["status"], json.dumps(problem), None)
