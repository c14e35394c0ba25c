"""Sends the taps of passengers to a server and holds each answer against the intention."""

import time
from collections import Counter
from typing import Any

import httpx2

from simulator.passengers import Passage, Passenger


class Tally:
    """What was answered, how fast, and what was not as it should be."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.intentions: Counter[str] = Counter()
        self.latencies_ms: list[float] = []
        self.fare = 0
        self.fare_waived = 0
        self.repeated = 0
        self.elapsed_ms: list[int] = []
        self.faults: list[str] = []
        self.sentence = ""
        self.exceeded: list[tuple[int, str]] = []

    @property
    def taps(self) -> int:
        """Taps decided."""
        return self.outcomes.total()

    def latency_ms(self, share: float) -> float:
        """A quantile of the answers' times, as a gate would measure them."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def take(self, passage: Passage, decision: dict[str, Any]) -> None:
        """Count one decision."""
        reason, journey = decision["reason"], decision["journey"]
        self.outcomes[decision["outcome"], reason] += 1
        self.fare += decision["fare"]
        self.fare_waived += decision["fare_waived"]
        if reason != passage.step.expected:
            self.faults.append(
                f"{decision['tap_id']}: {reason}, and {passage.step.expected} was right"
            )
        if journey is None or journey["elapsed_ms"] is None:
            return
        if journey["entry_station"] == journey["exit_station"]:
            self.elapsed_ms.append(journey["elapsed_ms"])
        if reason == "window_exceeded":
            self.exceeded.append((journey["elapsed_ms"], decision["tap_id"]))
        self.sentence = tell(decision)


def tell(decision: dict[str, Any]) -> str:
    """A finished journey in a sentence."""
    journey = decision["journey"]
    minutes, ms = divmod(journey["elapsed_ms"], 60_000)
    what = f"charged {decision['fare'] / 100:.2f} CNY ({decision['reason']})"
    if decision["outcome"] == "waived":
        what = f"waived {decision['fare_waived'] / 100:.2f} CNY"
    return (
        f"{journey['exited_at'][11:19]}  {journey['entry_station']} → {journey['exit_station']}, "
        f"{minutes} min {ms // 1_000:02} s: {what}"
    )


async def send_passenger(client: httpx2.AsyncClient, passenger: Passenger, tally: Tally) -> None:
    """Send the taps of one passenger in their order."""
    tally.intentions[passenger.intention] += 1
    for passage in passenger.passages:
        body, step = passage
        begun = time.perf_counter()
        answer = await client.post("/v1/taps", json=body)
        tally.latencies_ms.append((time.perf_counter() - begun) * 1e3)
        if answer.status_code != 200:
            tally.faults.append(f"{body['tap_id']}: {answer.status_code} {answer.text}")
            return
        tally.take(passage, answer.json())
        if step.again:
            await _send_again(client, body, answer, tally)
        if step.turned_back:
            report = {"gate_action_taken": "open", "fare_taken": 0, "passed": False}
            told = await client.post(f"/v1/taps/{body['tap_id']}/report", json=report)
            if told.status_code != 200:
                tally.faults.append(f"{body['tap_id']}: report {told.status_code} {told.text}")


async def _send_again(
    client: httpx2.AsyncClient, body: dict[str, Any], first: httpx2.Response, tally: Tally
) -> None:
    """What a gate does that heard no answer: the same tap under the same tap_id."""
    again = await client.post("/v1/taps", json=body)
    tally.repeated += 1
    if again.text != first.text or again.headers.get("Idempotent-Replayed") != "true":
        tally.faults.append(f"{body['tap_id']}: sent again, it was answered otherwise")
