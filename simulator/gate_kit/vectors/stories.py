"""The stories of the tap vectors: the window to the millisecond, retries, taps that do not fit."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

MORNING: Final = datetime.fromisoformat("2025-03-10T08:00:00.000+08:00")
ENTRY, EXIT = "FHY-A-01", "FHY-C-02"
"""Designated gates of the pilot, at different exits."""
UNDESIGNATED_EXIT: Final = "FHY-A-04"
ELSEWHERE: Final = "CXL-A-02"
"""An exit of the other station that `init` names."""

Sent = dict[str, Any] | bytes
Story = tuple[str, list[Sent]]
MINUTE_MS: Final = 60_000
WINDOW_MS: Final = 15 * MINUTE_MS
OPEN: Final = {"gate_action_taken": "open", "fare_taken": 0}

Tap = Callable[..., dict[str, Any]]


def list_stories() -> list[Story]:
    """All stories, each with taps of its own."""
    stories = [*_crossings(), *_retries(), *_alone(), *_misfits(), *_bodies()]
    return [(name, steps(_make_taps(number))) for number, (name, steps) in enumerate(stories, 1)]


def _make_taps(story: int) -> Tap:
    """What makes the taps of a story, all of one card unless another is given."""
    count = 0

    def make(
        gate_id: str, after_ms: int = 0, card: str | None = None, **changes: Any
    ) -> dict[str, Any]:
        nonlocal count
        count += 1
        medium = {"type": "tianfutong", "id": card or f"99000000{story:04}0000"}
        return {
            "tap_id": f"{gate_id}.vector.{story:03}.{count:02}",
            "gate_id": gate_id,
            "direction": "entry" if gate_id == ENTRY else "exit",
            "medium": medium,
            "occurred_at": write(after_ms),
            **changes,
        }

    return make


def write(after_ms: int) -> str:
    """An instant of the morning as taps have it."""
    return (MORNING + timedelta(milliseconds=after_ms)).isoformat(timespec="milliseconds")


Steps = tuple[str, Callable[[Tap], list[Sent]]]


def _crossings() -> list[Steps]:
    def cross(gate_id: str, after_ms: int) -> Callable[[Tap], list[Sent]]:
        return lambda tap: [tap(ENTRY), tap(gate_id, after_ms)]

    return [
        ("a crossing at once", cross(EXIT, 0)),
        ("a millisecond before the window ends", cross(EXIT, WINDOW_MS - 1)),
        ("as the window ends: it is inclusive", cross(EXIT, WINDOW_MS)),
        ("a millisecond after the window", cross(EXIT, WINDOW_MS + 1)),
        ("out by a gate that is not designated", cross(UNDESIGNATED_EXIT, MINUTE_MS)),
        ("out at another station", cross(ELSEWHERE, 20 * MINUTE_MS)),
        ("as the longest stay ends", cross(EXIT, 240 * MINUTE_MS)),
        ("a millisecond longer than the longest stay", cross(EXIT, 240 * MINUTE_MS + 1)),
        ("an exit whose clock is 30 s behind", cross(EXIT, -30_000)),
        ("an exit whose clock is a millisecond more behind", cross(EXIT, -30_001)),
        ("an exit without an entry", lambda tap: [tap(EXIT)]),
        (
            "a second tap at the entry, at the end of its grace",
            lambda tap: [tap(ENTRY), tap(ENTRY, 120_000)],
        ),
        (
            "a second tap at the entry, after its grace",
            lambda tap: [tap(ENTRY), tap(ENTRY, 120_001)],
        ),
        (
            "a second tap at the exit, at the end of its grace",
            lambda tap: [tap(ENTRY), tap(EXIT, MINUTE_MS), tap(EXIT, 2 * MINUTE_MS)],
        ),
        (
            "a second tap at the exit, after its grace",
            lambda tap: [tap(ENTRY), tap(EXIT, MINUTE_MS), tap(EXIT, 2 * MINUTE_MS + 1)],
        ),
    ]


def _retries() -> list[Steps]:
    def again(**changes: Any) -> Callable[[Tap], list[Sent]]:
        return lambda tap: [first := tap(ENTRY), first | changes]

    return [
        ("the same tap again", again()),
        ("the same instant, spelled in UTC", again(occurred_at="2025-03-10T00:00:00Z")),
        ("digits finer than a millisecond", again(occurred_at="2025-03-10T08:00:00.0009+08:00")),
        ("the same tap_id a millisecond later", again(occurred_at=write(1))),
        ("the same tap_id at another gate", again(gate_id="FHY-A-02")),
        (
            "the same tap_id with another medium",
            again(medium={"type": "tianfutong", "id": "9900000000000001"}),
        ),
        ("the same tap_id in the other direction", again(direction="exit", gate_id=EXIT)),
        ("the same tap again, decided alone meanwhile", again(offline=OPEN)),
    ]


def _alone() -> list[Steps]:
    shut = {"gate_action_taken": "refuse", "fare_taken": 0}
    return [
        (
            "a crossing decided alone and uploaded",
            lambda tap: [tap(ENTRY, offline=OPEN), tap(EXIT, MINUTE_MS, offline=OPEN)],
        ),
        (
            "an entry at which the gate stayed shut opens no journey",
            lambda tap: [tap(ENTRY, offline=shut), tap(EXIT, MINUTE_MS)],
        ),
        (
            "a tap uploaded after a later one is late",
            lambda tap: [tap(ENTRY), tap(EXIT, MINUTE_MS), tap(ENTRY, -MINUTE_MS, offline=OPEN)],
        ),
        (
            "a medium that is unknown waits in quarantine when the gate decided alone",
            lambda tap: [tap(ENTRY, medium={"type": "paper", "id": "1"}, offline=OPEN)],
        ),
    ]


def _misfits() -> list[Steps]:
    def misfit(**changes: Any) -> Callable[[Tap], list[Sent]]:
        return lambda tap: [tap(ENTRY) | changes]

    def batch(tap: Tap) -> list[Sent]:
        return [{"taps": [tap(ENTRY), tap(ENTRY) | {"direction": "up"}, tap(EXIT, MINUTE_MS)]}]

    return [
        ("a gate that is unknown", misfit(gate_id="NO-SUCH-GATE", tap_id="vector.1")),
        ("a direction that the gate has not", misfit(direction="exit")),
        ("a direction that is none", misfit(direction="up")),
        ("a medium that is unknown", misfit(medium={"type": "paper", "id": "1"})),
        ("an id that fits no card", misfit(medium={"type": "tianfutong", "id": "12"})),
        ("a medium with id and token", misfit(medium={"type": "qr", "id": "a", "token": "0" * 32})),
        ("a token that is too short", misfit(medium={"type": "qr", "token": "0a"})),
        ("a ride code that is none", misfit(medium={"type": "qr", "code": "no code"})),
        ("a tap_id with a space", misfit(tap_id="a b")),
        ("a clock that is ahead", misfit(occurred_at="9998-01-01T00:00:00+08:00")),
        ("a time without an offset", misfit(occurred_at="2025-03-10T08:00:00")),
        ("a time as a number", misfit(occurred_at=1)),
        ("a field that is unknown", misfit(colour="red")),
        ("a batch with one bad tap", batch),
        ("a batch without taps", lambda _tap: [{"taps": []}]),
    ]


def _bodies() -> list[Steps]:
    def spelled(change: Callable[[str], bytes]) -> Callable[[Tap], list[Sent]]:
        return lambda tap: [change(json.dumps(tap(ENTRY)))]

    return [
        ("a byte order mark", spelled(lambda text: b"\xef\xbb\xbf" + text.encode())),
        ("letters as escapes", spelled(lambda text: text.replace("gate", "\\u0067ate").encode())),
        ("spaces and line ends", spelled(lambda text: f"\r\n\t {text}\n".encode())),
        ("UTF-16", spelled(lambda text: text.encode("utf-16"))),
        ("a key twice", spelled(lambda text: text.replace("{", '{"gate_id": "x", ', 1).encode())),
        (
            "a key twice, once with an escape",
            spelled(lambda text: text.replace("{", '{"gate\\u005fid": "x", ', 1).encode()),
        ),
        (
            "a key twice in the medium",
            spelled(lambda text: text.replace('"type"', '"type": "qr", "type"').encode()),
        ),
        ("cut off", spelled(lambda text: text[:-1].encode())),
        ("two values", spelled(lambda text: f"{text}{text}".encode())),
        (
            "a number that is none",
            spelled(lambda text: text.replace("{", '{"x": NaN, ', 1).encode()),
        ),
        ("half a character", spelled(lambda text: text.replace("FHY", "\\ud800", 1).encode())),
        ("nothing", lambda _tap: [b""]),
        ("null", lambda _tap: [b"null"]),
    ]
