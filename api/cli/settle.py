"""`settle`: what a day should have cost, once all that came late is known."""

from datetime import datetime
from typing import Annotated, Any

import typer

from api.cli.options import AdminKey, DataDir, Json


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("settle")(settle)


def settle(
    service_date: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The date to settle: 2021-11-24.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be issued, and store nothing.")
    ] = False,
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Settle a service date. Decisions stay; differences are issued beside them, each once."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    body = {"service_date": service_date.date().isoformat(), "dry_run": dry_run}
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        outcome = operator.call("POST", "/v1/settlements", body, timeout_s=None)
    if as_json:
        print_json(outcome)
    else:
        _tell(outcome)


def _tell(outcome: dict[str, Any]) -> None:
    from api.cli.output import print_table

    run = "dry run" if outcome["dry_run"] else f"settlement {outcome['settlement_id']}"
    print(
        f"{outcome['service_date']}, {run}: {outcome['tokens']} tokens looked at, "
        f"{outcome['repaired']} taps out of quarantine"
    )
    print(f"adjustments: {outcome['adjustments']}, {outcome['adjusted_fare']} fen in all")
    print(f"missing exits: {outcome['missing_exits']}, {outcome['missing_exit_fares']} fen in all")
    items = outcome["items"]
    if not items:
        return
    print_table(
        ("tap", "kind", "fen", "collected", "due", "why", "decided again"),
        [
            (
                item["tap_id"],
                item["kind"],
                item["fare"],
                item["collected"],
                item["due"],
                item["why"],
                item["reason"],
            )
            for item in items
        ],
    )
    left_off = outcome["adjustments"] + outcome["missing_exits"] - len(items)
    if left_off:
        print(f"and {left_off} more")
