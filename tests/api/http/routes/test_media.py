"""The block list over a real server: who is on it may not enter, and may always leave."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.api.contract.test_problems import check
from tests.server_process import ServerProcess, make_tap, new_card

LOST = "reported lost"


def card_of(number: str) -> dict[str, str]:
    return {"type": "tianfutong", "id": number}


def block(client: httpx2.Client, medium: dict[str, str], action: str = "block") -> dict[str, Any]:
    response = client.post(f"/v1/media/{action}", json={"medium": medium, "reason": LOST})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def tap(client: httpx2.Client, direction: str, card: str, seconds: float = 0) -> dict[str, Any]:
    """A tap so many seconds from now."""
    gate_id = "FHY-A-01" if direction == "entry" else "FHY-C-02"
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    answer: dict[str, Any] = client.post(
        "/v1/taps", json=make_tap(gate_id, direction, card, at)
    ).json()
    return answer


def test_a_blocked_medium_may_not_enter_and_may_leave(
    server: ServerProcess, admin: httpx2.Client
) -> None:
    card = new_card()
    assert tap(admin, "entry", card, -10)["outcome"] == "entered"
    blocked = block(admin, card_of(card))
    assert (blocked["blocked"], blocked["reason"]) == (True, LOST)
    assert blocked["masked"] == "****" + card[-4:]
    assert tap(admin, "exit", card, 1)["outcome"] == "waived"
    refused = tap(admin, "entry", card, 2)
    assert (refused["outcome"], refused["reason"]) == ("refused", "medium_blocked")
    assert (refused["gate_action"], refused["journey"]) == ("refuse", None)

    server.stop()
    server.restart()
    with server.client(server.admin_key) as client:
        assert tap(client, "entry", card, 3)["reason"] == "medium_blocked"
        again = block(client, card_of(card))
        assert again == blocked, "blocked already, it stays as it is"
        assert block(client, card_of(card), "unblock")["blocked"] is False
        assert tap(client, "entry", card, 4)["outcome"] == "entered"


def test_an_entry_made_before_the_block_is_an_entry_whenever_it_comes(
    admin: httpx2.Client,
) -> None:
    card = new_card()
    block(admin, card_of(card))
    assert tap(admin, "entry", card, -60)["outcome"] == "entered"
    assert tap(admin, "entry", card, 1)["reason"] == "medium_blocked"


def test_a_batch_is_checked_against_the_list_too(admin: httpx2.Client) -> None:
    blocked, other = new_card(), new_card()
    block(admin, card_of(blocked))
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="milliseconds")
    taps: list[Any] = [make_tap("FHY-A-01", "entry", card, at) for card in (other, blocked)]
    for sent in (taps, [*taps[:1], {"tap_id": "none"}, make_tap("FHY-A-01", "entry", blocked, at)]):
        results = admin.post("/v1/taps/batch", json={"taps": sent}).json()["results"]
        assert results[0]["reason"] == "entry_opened"
        assert results[-1]["reason"] == "medium_blocked"


def test_a_token_is_blocked_like_the_number_it_stands_for(admin: httpx2.Client) -> None:
    card = new_card()
    token = block(admin, card_of(card))["token"]
    block(admin, card_of(card), "unblock")
    blocked = block(admin, {"type": "tianfutong", "token": token.upper()})
    assert (blocked["token"], blocked["masked"]) == (token, None)
    assert tap(admin, "entry", card, 1)["reason"] == "medium_blocked"


def test_the_list_comes_in_pages_and_the_audit_shows_no_card(admin: httpx2.Client) -> None:
    cards = [new_card() for _ in range(3)]
    tokens = {block(admin, card_of(card))["token"] for card in cards}
    block(admin, card_of(cards[0]), "unblock")
    found: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not found:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = admin.get("/v1/media/blocked", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
    listed = [medium["token"] for medium in found]
    assert listed == sorted(set(listed))
    assert len(tokens & set(listed)) == 2
    entries = [
        entry
        for entry in admin.get("/v1/audit").json()["items"]
        if entry["action"].startswith("medium.")
    ]
    assert entries[0]["action"] == "medium.unblocked"
    assert entries[0]["subject"] in tokens
    assert not [
        card for card in cards if card[-4:] in str([(e["before"], e["after"]) for e in entries])
    ]
    check(admin.get("/v1/media/blocked?cursor=x"), 422, "invalid-request")


@pytest.mark.parametrize(
    ("medium", "code"),
    [
        ({"type": "paper", "id": "12345678"}, "unknown-medium"),
        ({"type": "tianfutong", "id": "123"}, "medium-id-invalid"),
        ({"type": "tianfutong", "token": "abc"}, "invalid-request"),
        ({"type": "qr", "code": "abc"}, "invalid-request"),
    ],
)
def test_an_invalid_medium_is_refused(
    admin: httpx2.Client, medium: dict[str, str], code: str
) -> None:
    for action in ("block", "unblock"):
        response = admin.post(f"/v1/media/{action}", json={"medium": medium, "reason": LOST})
        check(response, 422, code)


def test_a_short_account_shows_nothing_of_itself(admin: httpx2.Client) -> None:
    assert block(admin, {"type": "qr", "id": "acct123"})["masked"] == "****"
    assert block(admin, {"type": "qr", "id": "acct1234"})["masked"] == "****1234"


def test_only_an_admin_key_reads_and_changes_the_list(gates: httpx2.Client) -> None:
    request = {"medium": card_of(new_card()), "reason": LOST}
    check(gates.post("/v1/media/block", json=request), 403, "forbidden")
    check(gates.post("/v1/media/unblock", json=request), 403, "forbidden")
    check(gates.get("/v1/media/blocked"), 403, "forbidden")
