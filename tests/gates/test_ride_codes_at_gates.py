"""Ride codes at a station: verified there, and refused there when used before."""

import asyncio
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fare_engine.decision import Reason
from fare_engine.network import Direction
from gates.breaker import FAILURES_MAX
from gates.controller import Passage
from gates.errors import MediumUnreadable
from gates.media.issuing import RideCodeIssuer, generate_private_key, public_bytes
from gates.parameters import parse_parameters
from gates.reading import Card, MediumReader, RideCode
from gates.station import StationSettings, open_station
from gates.times import now_ms
from tests.gates.documents import make_document
from tests.gates.station_process import StationProcess
from tests.server_process import ServerProcess, new_number

AT_MS = 1_772_500_000_000
FRESH_MS = 60_000
"""Validity and the tolerance of the tariff together."""


class Issuer:
    """An issuer with a key of its own, for documents and for engines."""

    def __init__(self) -> None:
        private_key = generate_private_key()
        self.issuer_id = f"g{new_number() % 10**14}"
        self.account = f"u{new_number()}"
        self._issuer = RideCodeIssuer(self.issuer_id, "1", private_key)
        text = urlsafe_b64encode(public_bytes(private_key)).decode().rstrip("=")
        self.key = {"key_id": "1", "public_key": text, "valid_from": "2020-01-01T00:00:00+08:00"}

    def issue(self, at_ms: int) -> RideCode:
        return RideCode(self._issuer.issue(self.account, at_ms))

    def document(self, **changes: Any) -> bytes:
        key = self.key | {"algorithm": "Ed25519", "valid_to": None}
        issuers = [{"issuer_id": self.issuer_id, "keys": [key]}]
        return make_document(ride_code_issuers=issuers, **changes)

    def register(self, admin: httpx2.Client) -> None:
        body = self.key | {"issuer_id": self.issuer_id}
        assert admin.post("/v1/ride-code-issuers", json=body).status_code == 201


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def make_reader(document: bytes) -> MediumReader:
    reader = MediumReader(bytes(32))
    reader.use(parse_parameters(document, "FHY"))
    return reader


@pytest.mark.parametrize("side", [-1, 1])
def test_a_code_counts_up_to_its_validity_and_the_tolerance(issuer: Issuer, side: int) -> None:
    reader, code = make_reader(issuer.document()), issuer.issue(AT_MS)
    good = reader.read(code, AT_MS + side * FRESH_MS)
    old = reader.read(code, AT_MS + side * (FRESH_MS + 1))
    assert (good.refusal, good.code) == (None, None)
    assert good.code_id is not None
    assert (old.refusal, old.code) == (Reason.RIDE_CODE_EXPIRED, code.text)


def test_a_code_has_the_token_of_its_account_good_or_bad(issuer: Issuer) -> None:
    reader, code = make_reader(issuer.document()), issuer.issue(AT_MS)
    token = reader.read(Card("qr", issuer.account), AT_MS).token
    assert reader.read(code, AT_MS).token == token
    assert reader.read(code, AT_MS + 10**9).token == token
    keyless = MediumReader(bytes(32)).read(code, AT_MS)
    assert (keyless.token, keyless.refusal) == (token, Reason.RIDE_CODE_INVALID)


def test_a_key_that_cannot_be_used_stops_no_others(issuer: Issuer) -> None:
    good = issuer.key | {"algorithm": "Ed25519", "valid_to": None}
    bad = good | {"key_id": "2", "algorithm": "ROT13"}
    issuers = [{"issuer_id": issuer.issuer_id, "keys": [bad, good]}]
    reader = make_reader(make_document(ride_code_issuers=issuers))
    assert reader.read(issuer.issue(AT_MS), AT_MS).refusal is None


def test_an_account_that_fits_no_medium_is_unreadable(issuer: Issuer) -> None:
    media = [{"type": "qr", "name": {"zh": "", "en": ""}, "id_pattern": "[0-9]+"}]
    reader = make_reader(issuer.document(media=media))
    with pytest.raises(MediumUnreadable):
        reader.read(issuer.issue(AT_MS), AT_MS)


class Gate:
    def act(self, passage: Passage) -> None:
        """Do nothing."""


async def tap_in_turn(
    server: ServerProcess,
    data_dir: Path,
    document: bytes,
    taps: list[tuple[Direction, RideCode]],
    *,
    alone: bool,
) -> list[Passage]:
    """Show codes at a station, with the engine or without it; all has been sent at the end.

    The engine knows no such controller, so the station keeps the parameters stored here.
    """
    StationProcess(server, data_dir).store_parameters(document)
    token_key = bytes.fromhex((server.data_dir / "token.key").read_text())
    settings = StationSettings(
        "FHY", "UNKNOWN-1", server.url, data_dir, server.gate_key, token_key, deadline_s=10
    )
    gate_of = {Direction.ENTRY: "FHY-A-01", Direction.EXIT: "FHY-C-02"}
    passages = []
    async with open_station(settings) as station:
        controller = station.controller
        await station.upkeep.empty.wait()
        for direction, code in taps:
            for _ in range(FAILURES_MAX * alone):
                controller.breaker.failed()
            passages.append(await controller.present(gate_of[direction], direction, code, Gate()))
        await station.upkeep.empty.wait()
    return passages


@pytest.mark.parametrize("alone", [False, True], ids=["connected", "alone"])
def test_a_copied_code_is_refused_and_a_second_tap_is_not(
    server: ServerProcess, admin: httpx2.Client, issuer: Issuer, tmp_path: Path, alone: bool
) -> None:
    issuer.register(admin)
    now = now_ms()
    first, second = issuer.issue(now), issuer.issue(now)
    taps = [
        (Direction.ENTRY, first),
        (Direction.ENTRY, first),
        (Direction.EXIT, first),
        (Direction.EXIT, second),
    ]
    passages = asyncio.run(tap_in_turn(server, tmp_path, issuer.document(), taps, alone=alone))
    reasons = [passage.reason for passage in passages]
    assert reasons == [
        "entry_opened",
        "entry_repeated",
        "ride_code_replayed",
        "same_station_within_window",
    ]
    assert all(passage.alone is alone for passage in passages)
    decided = [admin.get(f"/v1/taps/{passage.tap_id}").json()["reason"] for passage in passages]
    assert decided == reasons


def test_the_engine_may_know_a_newer_key_than_the_station(
    server: ServerProcess, admin: httpx2.Client, issuer: Issuer, tmp_path: Path
) -> None:
    issuer.register(admin)
    taps = [(Direction.ENTRY, issuer.issue(now_ms()))]
    (passage,) = asyncio.run(tap_in_turn(server, tmp_path, make_document(), taps, alone=False))
    assert (passage.opens, passage.reason, passage.alone) == (True, "entry_opened", False)


def test_a_code_refused_alone_is_sent_to_the_engine_with_a_gate_that_stayed_shut(
    server: ServerProcess, admin: httpx2.Client, issuer: Issuer, tmp_path: Path
) -> None:
    old = issuer.issue(now_ms() - 10 * FRESH_MS)
    taps = [(Direction.ENTRY, old)]
    (passage,) = asyncio.run(tap_in_turn(server, tmp_path, issuer.document(), taps, alone=True))
    assert (passage.opens, passage.reason) == (False, "ride_code_expired")
    report = admin.get(f"/v1/taps/{passage.tap_id}").json()["report"]
    assert report["gate_action_taken"] == "refuse"


def test_a_script_may_show_a_code_with_spaces(
    server: ServerProcess, admin: httpx2.Client, issuer: Issuer, tmp_path: Path
) -> None:
    issuer.register(admin)
    station = StationProcess(server, tmp_path)
    station.store_parameters(issuer.document())
    code = issuer.issue(now_ms())
    while " " not in code.text.strip():
        code = issuer.issue(now_ms())
    (answer,) = station.run(f"FHY-A-01 entry code:{code.text}").answers
    assert answer["reason"] == "entry_opened"
    assert not station.holds(code.text)
