"""What came to the ledger of `0004.sql` after the dump was taken."""

import httpx2

from tests.fare_engine.ledger.old_ledgers.asking import Exchange, ask
from tests.fare_engine.ledger.old_ledgers.maker import DAY, card


def send_next(client: httpx2.Client) -> list[Exchange]:
    """Taps and reports that go on from the states in the ledger, and a settlement of them."""
    taps = (
        ("P-2", "exit", card(9), "2021-11-25T08:10:00.000+08:00"),  # finds its entry
        ("P-1", "entry", card(1), "2021-11-24T20:00:00.000+08:00"),
        ("P-2", "exit", card(1), "2021-11-24T20:05:00.000+08:00"),  # its waivers are counted
        ("P-2", "exit", card(30), "2021-11-24T11:06:00.000+08:00"),  # open again
        ("P-2", "exit", card(31), "2021-11-24T11:06:00.000+08:00"),  # void
        ("P-2", "exit", card(32), "2021-11-24T11:06:10.000+08:00"),  # the second exit
        ("Q-1", "exit", card(62), "2021-11-24T08:00:00.000+08:00"),  # late
        ("P-1", "entry", card(60), "2021-11-24T08:00:00.000+08:00"),  # before the block
        ("Q-1", "exit", {"type": "qr", "id": "account-52"}, "2021-11-24T14:40:00.000+08:00"),
        (
            "P-2",
            "exit",
            {"type": "qr", "id": "account-51#1", "code_id": "619dd000.bank.00112233445566778899"},
            "2021-11-24T14:40:00.000+08:00",
        ),
    )
    exchanges = [
        ask(
            client,
            "POST",
            "/v1/taps",
            {
                "tap_id": f"next.{number:04}",
                "gate_id": gate_id,
                "direction": direction,
                "medium": medium,
                "occurred_at": at,
            },
        )
        for number, (gate_id, direction, medium, at) in enumerate(taps)
    ]
    report = {"gate_action_taken": "open", "fare_taken": 0, "passed": False}
    first_taps = [
        exchange["body"]["tap_id"] for exchange in exchanges if exchange["status"] == 200
    ][:4]
    exchanges += [
        ask(client, "POST", f"/v1/taps/{tap_id}/report", report) for tap_id in reversed(first_taps)
    ]
    exchanges.append(ask(client, "POST", "/v1/settlements", {"service_date": DAY}))
    return exchanges + [ask(client, "GET", f"/v1/taps/{tap_id}") for tap_id in first_taps]
