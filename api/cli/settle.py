"""`settle`: decide a service date again once late taps are known, and issue the differences."""

from datetime import datetime
from typing import Annotated, Any

import typer

from api.cli.shared.operator_command import Question, operator_command
from api.cli.shared.output import print_table


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    operator_command(app, "settle")(settle)


def settle(
    service_date: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The date to settle: 2021-11-24.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be issued, and store nothing.")
    ] = False,
) -> Question:
    """Settle a service date. Decisions stay as they are; each difference is issued once."""
    body = {"service_date": service_date.date().isoformat(), "dry_run": dry_run}
    return Question(
        # A large day takes longer than any other call.
        lambda operator: operator.call("POST", "/v1/settlements", body, timeout_s=None),
        _print_outcome,
    )


def _print_outcome(outcome: dict[str, Any]) -> None:
    run = "dry run" if outcome["dry_run"] else f"settlement {outcome['settlement_id']}"
    print(
        f"{outcome['service_date']}, {run}: {outcome['tokens']} tokens looked at, "
        f"{outcome['repaired']} taps out of quarantine"
    )
    if outcome["unsettled"]:
        print(f"left out, since the ledger is damaged there: {outcome['unsettled']} tokens")
    print(f"adjustments: {outcome['adjustments']}, {outcome['adjusted_fare']} fen in all")
    print(f"missing exits: {outcome['missing_exits']}, {outcome['missing_exit_fares']} fen in all")
    if outcome["held"]:
        print(f"held: {outcome['held']}, {outcome['held_fare']} fen in all: see `adjustments list`")
    items = outcome["items"]
    if not items:
        return
    print_table(
        ("tap", "kind", "fen", "collected", "due", "why", "state", "decided again"),
        [
            (
                item["tap_id"],
                item["kind"],
                item["fare"],
                item["collected"],
                item["due"],
                item["why"],
                item["state"],
                item["reason"],
            )
            for item in items
        ],
    )
    left_off = outcome["adjustments"] + outcome["missing_exits"] + outcome["held"] - len(items)
    if left_off:
        print(f"and {left_off} more")
