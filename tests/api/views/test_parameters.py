"""A controller's document is made once, and again when something changes or time has passed."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from api.views.parameters import DAY_MS, Parameters, ParametersBook
from fare_engine.catalogue import Catalogue
from fare_engine.errors import NotFound
from fare_engine.issuer import ED25519, IssuerKey
from fare_engine.modes import DegradedMode, Mode
from fare_engine.published import Published
from gates.parameters import check_version
from tests.fare_engine.small_metro import MINUTE_MS, NETWORK, NOON_MS, PILOT, TARIFF

ISSUER_KEY = IssuerKey("app", "k1", ED25519, bytes(32), 0)
GATES = tuple(replace(gate, controller=f"{gate.station_id}-1") for gate in NETWORK.gates)
METRO = Catalogue(replace(NETWORK, gates=GATES), {"FHY": (PILOT,)}, {}, (TARIFF,))


def read(parameters: Parameters) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(parameters.body())
    return document


def publish(catalogue: Catalogue, *blocked: bytes) -> Published:
    return Published(1, catalogue, blocked=dict.fromkeys(blocked, NOON_MS))


def get_all(book: ParametersBook, *asked: tuple[Published, int]) -> list[Parameters]:
    async def get() -> list[Parameters]:
        return [await book.get("FHY-1", *one) for one in asked]

    return asyncio.run(get())


def test_a_document_is_made_once_for_each_change() -> None:
    published = publish(METRO)
    blocked = replace(published, version=2, blocked=publish(METRO, b"b" * 16, b"a" * 16).blocked)
    asked = [published, published, blocked, blocked]
    first, again, later, later_again = get_all(ParametersBook(), *[(one, NOON_MS) for one in asked])
    assert again is first
    assert later_again is later
    document = read(later)
    assert document["blocked"] == ["61" * 16, "62" * 16]
    assert document["version"] != first.version


@pytest.mark.parametrize(("after_ms", "shown"), [(0, 1), (DAY_MS, 1), (DAY_MS + 1, 0)])
def test_a_mode_is_shown_for_a_day_after_its_end(after_ms: int, shown: int) -> None:
    ended = DegradedMode("FHY", Mode.TIME_FREE, NOON_MS - MINUTE_MS, "x", NOON_MS)
    catalogue = METRO.with_modes("FHY", (ended,))
    published = publish(catalogue)
    first, later = get_all(ParametersBook(), (published, NOON_MS), (published, NOON_MS + after_ms))
    assert len(read(first)["stations"][0]["degraded_modes"]) == 1
    assert len(read(later)["stations"][0]["degraded_modes"]) == shown
    assert (later is first) == (shown == 1), "made anew only where time has changed it"


@pytest.mark.parametrize(
    ("after_ms", "versions"), [(0, [1, 2]), (DAY_MS - 1, [1, 2]), (DAY_MS, [2])]
)
def test_a_version_is_shown_for_a_day_after_its_successor_began(
    after_ms: int, versions: list[int]
) -> None:
    tariff = replace(TARIFF, version=2, effective_from_ms=NOON_MS)
    policy = replace(PILOT, version=2, effective_from_ms=NOON_MS)
    catalogue = replace(METRO, tariffs=(TARIFF, tariff), policies={"FHY": (PILOT, policy)})
    published = publish(catalogue)
    *_, later = get_all(ParametersBook(), (published, NOON_MS), (published, NOON_MS + after_ms))
    document = read(later)
    assert [tariff["version"] for tariff in document["tariffs"]] == versions
    assert [policy["version"] for policy in document["stations"][0]["policies"]] == versions
    assert [int(version) for version in document["stations"][0]["highest_fares"]] == versions


def test_what_all_controllers_get_alike_is_as_new_for_each() -> None:
    tariff = replace(TARIFF, version=2, effective_from_ms=NOON_MS)
    two_tariffs = replace(METRO, tariffs=(TARIFF, tariff))
    media = tuple(replace(medium, id_pattern="[0-9]{4}") for medium in NETWORK.media)
    changed = (
        replace(two_tariffs, policies={}),
        replace(two_tariffs, issuer_keys=(ISSUER_KEY,)),
        replace(two_tariffs, network=replace(METRO.network, media=media)),
        METRO,  # other tariffs
    )
    book = ParametersBook()
    asked = [
        (controller_id, publish(catalogue), NOON_MS + after_ms)
        for after_ms in (0, 0, 1, DAY_MS - 1, DAY_MS, 2 * DAY_MS)
        for other in changed
        for catalogue in (two_tariffs, other)
        for controller_id in ("FHY-1", "CXL-1")
    ]

    async def compare() -> None:
        for controller_id, published, at_ms in asked:
            document = await book.get(controller_id, published, at_ms)
            anew = await ParametersBook().get(controller_id, published, at_ms)
            assert document.body() == anew.body()

    asyncio.run(compare())


def test_a_block_changes_nothing_but_the_block_list() -> None:
    before, later = get_all(
        ParametersBook(), (publish(METRO), NOON_MS), (publish(METRO, b"b" * 16), NOON_MS)
    )
    assert later.rest is before.rest
    assert read(later) == read(before) | {"blocked": ["62" * 16], "version": later.version}
    check_version(later.body())


def test_a_controller_that_no_gate_names() -> None:
    with pytest.raises(NotFound):
        asyncio.run(ParametersBook().get("NOBODY", publish(METRO), NOON_MS))
