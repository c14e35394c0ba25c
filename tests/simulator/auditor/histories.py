"""Honest histories: what gates, networks and operators do to an engine that does nothing wrong."""

import copy
from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from api.contract.times import format_ms
from fare_engine.calendar import ServiceCalendar
from fare_engine.catalogue import Catalogue
from fare_engine.modes import DegradedMode, Mode
from fare_engine.network import FareTable
from fare_engine.policy import Policy, Suspension
from fare_engine.tariff import Tariff
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF
from tests.simulator.auditor.observed import ObservedMetro, Request

SECOND_MS: Final = 1_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
GATES: Final = (
    ("FHY-A-01", "entry"),
    ("FHY-A-01", "entry"),
    ("FHY-C-02", "exit"),
    ("FHY-C-02", "exit"),
    ("FHY-B-03", "entry"),
    ("FHY-B-03", "exit"),
    ("CXL-A-01", "entry"),
    ("CXL-A-01", "exit"),
)
MEDIA: Final = (("tianfutong", "3104870512345678"), ("qr", "anna"), ("qr", "anna"), ("qr", "bert"))
UNANSWERED_MAX: Final = 1
LEAPS: Final = [
    *(seconds * SECOND_MS for seconds in (0, 5, 30, 60, 90, 120, 300, -2, -30, -60)),
    *(minutes * MINUTE_MS for minutes in (15, 20, 30, 240)),
    16 * 60 * MINUTE_MS,  # from noon to the cut
    DAY_MS,
]

_DEARER_ONE_WAY: Final = FareTable(
    TARIFF.fares.distances, TARIFF.fares.bands, {("FHY", "CXL"): 700}
)

_tariffs = st.builds(
    lambda **changes: replace(TARIFF, **changes),
    unmatched_exit_opens=st.booleans(),
    fares=st.sampled_from([TARIFF.fares, _DEARER_ONE_WAY]),
    unmatched_exit_fare=st.sampled_from([200, 450]),
    missing_exit_fare=st.sampled_from([200, 315]),
    discounts_percent=st.sampled_from([{"tianfutong": 10}, {"tianfutong": 15, "qr": 50}]),
    max_stay_ms=st.sampled_from([240 * MINUTE_MS, 20 * MINUTE_MS]),
    reentry_grace_ms=st.sampled_from([120 * SECOND_MS, 30 * SECOND_MS, 0]),
    reexit_grace_ms=st.sampled_from([60 * SECOND_MS, 0]),
    clock_skew_tolerance_ms=st.sampled_from([30 * SECOND_MS, 2 * SECOND_MS, 0]),
    journey_expiry_ms=st.sampled_from([None, None, 2 * DAY_MS, 30 * MINUTE_MS]),
    calendar=st.sampled_from([240, 150]).map(lambda cut: ServiceCalendar("Asia/Shanghai", cut)),
)
_policies = st.builds(
    lambda **changes: replace(PILOT, **changes),
    window_ms=st.sampled_from([15 * MINUTE_MS, 90 * SECOND_MS, DAY_MS]),
    media=st.sampled_from([PILOT.media, PILOT.media, frozenset({"qr"})]),
    designated_gates=st.sampled_from(
        [PILOT.designated_gates, PILOT.designated_gates | {"FHY-B-03", "CXL-A-01"}]
    ),
    daily_limit=st.sampled_from([None, None, 1, 2]),
)


def make_code_id(number: int) -> str:
    """The id of a ride code."""
    return f"619db8c0.metro.{number:016x}"


class Honest:
    """Draws what happens next, and lets it happen to an observed metro."""

    def __init__(self, metro: ObservedMetro, data: st.DataObject) -> None:
        self._metro = metro
        self._draw = data.draw
        self._bodies: list[dict[str, Any]] = []
        self._unanswered: list[dict[str, Any]] = []
        self._at_ms = NOON_MS

    def go_on(self) -> None:
        """One thing that may happen; gates send again what was not answered."""
        while len(self._unanswered) > UNANSWERED_MAX:
            self._metro.ask(self._unanswered.pop(0))
        happens = self._draw(
            st.sampled_from(
                [
                    *[self.tap] * 4,
                    *[self.cross] * 3,
                    *[self.tap_the_same_gate_again] * 2,
                    *[self.tap_in_flight_together] * 3,
                    self.tap_and_get_no_answer,
                    self.send_again,
                    self.upload_what_the_gate_did,
                    self.send_other_content,
                    self.report,
                    *[self.publish] * 2,
                    self.degrade_and_tap,
                    self.block,
                    self.restart,
                ]
            )
        )
        happens()

    def tap(self) -> None:
        self._metro.ask(self._new_body())

    def cross(self) -> None:
        """An entry and an exit on the lane, about as long apart as a bound of the rule is."""
        self._pass("FHY-A-01", "entry", [MINUTE_MS, 16 * 60 * MINUTE_MS])
        gate_id = self._draw(st.sampled_from(["FHY-C-02", "FHY-C-02", "CXL-A-01"]))
        bounds_ms = [minutes * MINUTE_MS for minutes in (15, 20, 240)]
        self._pass(gate_id, "exit", [*bounds_ms, bounds_ms[0], 90 * SECOND_MS])

    def tap_the_same_gate_again(self) -> None:
        """Twice at one gate, about as long apart as a grace or a tolerance is."""
        gate_id, direction = self._draw(st.sampled_from(GATES))
        code = self._draw(st.sampled_from([{}, {"code_id": make_code_id(len(self._bodies))}]))
        self._pass(gate_id, direction, [MINUTE_MS], code)
        seconds = self._draw(st.sampled_from([30, 60, 120, -2, -30]))
        self._pass(gate_id, direction, [seconds * SECOND_MS], code)

    def _pass(
        self, gate_id: str, direction: str, leaps: list[int], code: dict[str, str] | None = None
    ) -> None:
        body = self._new_body(leaps)
        body |= {"gate_id": gate_id, "direction": direction}
        body["medium"] = {"type": "qr", "id": "anna"} | (code or {})
        self._metro.ask(body)

    def tap_in_flight_together(self) -> None:
        """Several taps under way at once, which arrive and are answered in orders of their own."""
        draw, metro = self._draw, self._metro
        bodies = [self._any_body() for _ in range(draw(st.integers(2, 3)))]
        requests = [metro.send(body) for body in bodies]
        turns = draw(st.booleans())
        for request in draw(st.permutations(requests)):
            metro.arrive(request)
            if turns:
                metro.turn()
        publishes = draw(st.integers(0, 5)) == 0
        if publishes:
            metro.auditor.changing()
            catalogue = self._other_catalogue()
            if draw(st.booleans()):
                metro.turn()
            metro.swap_in(catalogue)
        metro.turn()
        for request in draw(st.permutations(requests)):
            if draw(st.integers(0, 3)):
                metro.deliver(request)
            else:
                metro.lose(request)
                self._unanswered.append(request.body)
        if publishes:
            metro.auditor.changed(self._describe_published())

    def tap_and_get_no_answer(self) -> None:
        """A request that the engine may have decided, or not, or decides long after."""
        draw, metro = self._draw, self._metro
        request = metro.send(self._new_body())
        if draw(st.booleans()):
            metro.arrive(request)
            metro.turn()
        metro.lose(request)
        self._unanswered.append(request.body)
        if draw(st.booleans()):
            self.tap()
            self._arrive_late(request)

    def _arrive_late(self, request: Request) -> None:
        self._metro.arrive(request)
        self._metro.turn()

    def send_again(self) -> None:
        if self._bodies:
            self._metro.ask(self._draw(st.sampled_from(self._bodies)))

    def upload_what_the_gate_did(self) -> None:
        if self._bodies:
            body = copy.deepcopy(self._draw(st.sampled_from(self._bodies)))
            self._metro.ask(body | {"offline": self._draw(self._offline())})

    def send_other_content(self) -> None:
        if self._bodies:
            body = self._draw(st.sampled_from(self._bodies))
            other = self._new_body()
            self._bodies.pop()
            self._metro.ask(other | {"tap_id": body["tap_id"]})

    def report(self) -> None:
        if self._bodies:
            body = self._draw(st.sampled_from(self._bodies[-3:]))
            passed = self._draw(st.sampled_from([False, False, True, None]))
            report = self._draw(self._offline()) | ({} if passed is None else {"passed": passed})
            self._metro.report(body["tap_id"], report)

    def publish(self) -> None:
        self._metro.publish(self._other_catalogue())

    def degrade_and_tap(self) -> None:
        """A station lets something go, and somebody meets it at once."""
        catalogue = self._metro.metro.catalogue
        self._metro.publish(draw_modes(self._draw, catalogue, self._at_ms))
        self._metro.ask(self._new_body([0, MINUTE_MS, -MINUTE_MS, 240 * MINUTE_MS]))

    def block(self) -> None:
        """A medium may not enter any more, or may again."""
        since_ms = self._at_ms + self._draw(st.sampled_from([-MINUTE_MS, 0, 1, MINUTE_MS]))
        blocked = self._draw(st.sampled_from([True, False]))
        self._metro.block(self._draw(st.sampled_from(MEDIA)), since_ms if blocked else None)

    def restart(self) -> None:
        self._metro.metro.restart()

    def _other_catalogue(self) -> Catalogue:
        return draw_catalogue(self._draw, self._metro.metro.catalogue, self._at_ms)

    def _describe_published(self) -> dict[str, Any]:
        return self._metro.describe_published()

    def _any_body(self) -> dict[str, Any]:
        if self._bodies and self._draw(st.integers(0, 3)) == 0:
            return self._draw(st.sampled_from(self._bodies))
        return self._new_body()

    def _new_body(self, leaps: list[int] = LEAPS) -> dict[str, Any]:
        draw = self._draw
        self._at_ms += draw(st.sampled_from(leaps)) + draw(st.sampled_from([0, 0, 1, -1]))
        self._metro.now_ms = max(self._metro.now_ms, self._at_ms)
        gate_id, direction = draw(st.sampled_from(GATES))
        gate_id = draw(st.sampled_from([*[gate_id] * 19, "XXX-A-01"]))
        medium = draw(st.sampled_from(MEDIA))
        body: dict[str, Any] = {
            "tap_id": f"{gate_id}.{len(self._metro.sent):04}.{len(self._bodies):04}",
            "gate_id": gate_id,
            "direction": direction,
            "medium": {"type": medium[0], "id": medium[1]},
            "occurred_at": format_ms(self._at_ms, "Asia/Shanghai"),
        }
        if medium[0] == "qr" and draw(st.integers(0, 3)) == 0:
            number = draw(st.integers(0, len(self._bodies) // 2))
            body["medium"]["code_id"] = make_code_id(number)
        if draw(st.integers(0, 5)) == 0:
            body["offline"] = draw(self._offline())
        self._bodies.append(body)
        return body

    def _offline(self) -> st.SearchStrategy[dict[str, Any]]:
        actions = st.sampled_from(["open", "open", "refuse"])
        return st.fixed_dictionaries(
            {"gate_action_taken": actions, "fare_taken": st.sampled_from([0, 0, 200])}
        )


def first_catalogue(draw: Any) -> Catalogue:
    """What is published at the beginning."""
    policy: Policy = draw(_policies)
    tariff: Tariff = draw(_tariffs)
    return Catalogue(NETWORK, policies={"FHY": (policy,)}, tariffs=(tariff,))


def draw_catalogue(draw: Any, catalogue: Catalogue, at_ms: int) -> Catalogue:
    """A new version of something, in force about now; or a suspension that begins or ends."""
    begins_ms = at_ms + draw(st.sampled_from([-MINUTE_MS, 0, 1, MINUTE_MS]))
    kind = draw(st.sampled_from(["policy", "tariff", "suspension", "mode"]))
    if kind == "mode":
        return draw_modes(draw, catalogue, at_ms)
    if kind == "policy":
        station = draw(st.sampled_from(["FHY", "FHY", "CXL"]))
        earlier = catalogue.list_policies(station)
        policy = replace(
            draw(_policies),
            station_id=station,
            version=len(earlier) + 1,
            effective_from_ms=begins_ms,
            effective_to_ms=draw(st.sampled_from([None, begins_ms + 10 * MINUTE_MS])),
        )
        return replace(catalogue, policies={**catalogue.policies, station: (*earlier, policy)})
    if kind == "tariff":
        version = len(catalogue.tariffs) + 1
        tariff = replace(draw(_tariffs), version=version, effective_from_ms=begins_ms)
        return replace(catalogue, tariffs=(*catalogue.tariffs, tariff))
    held = catalogue.suspensions.get("FHY", ())
    if held and held[-1].resumed_at_ms is None:
        resumed = max(begins_ms, held[-1].suspended_at_ms + 1)
        held = (*held[:-1], replace(held[-1], resumed_at_ms=resumed))
    else:
        held = (*held, Suspension("FHY", begins_ms, "test"))
    return replace(catalogue, suspensions={**catalogue.suspensions, "FHY": held})


def draw_modes(draw: Any, catalogue: Catalogue, at_ms: int) -> Catalogue:
    """A degraded mode that begins about now; or one that ends."""
    station = draw(st.sampled_from(["FHY", "FHY", "CXL"]))
    begins_ms = at_ms + draw(st.sampled_from([-20 * MINUTE_MS, -MINUTE_MS, 0, 1, MINUTE_MS]))
    modes = catalogue.list_modes(station)
    if modes and modes[-1].effective_to_ms is None and draw(st.booleans()):
        ended = replace(modes[-1], effective_to_ms=max(begins_ms, modes[-1].effective_from_ms))
        return catalogue.with_modes(station, (*modes[:-1], ended))
    lasts_ms = draw(st.sampled_from([None, MINUTE_MS, 30 * MINUTE_MS]))
    mode = DegradedMode(
        station,
        draw(st.sampled_from(list(Mode))),
        begins_ms,
        "test",
        None if lasts_ms is None else begins_ms + lasts_ms,
    )
    return catalogue.with_modes(station, (*modes, mode))
