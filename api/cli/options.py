"""Options that several commands share. An option overrides its FARE_… variable."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="The data directory (FARE_DATA_DIR).")
]
AdminKey = Annotated[
    str | None,
    typer.Option(
        "--admin-key",
        help="For a running server; prefer FARE_ADMIN_KEY, which no process list shows.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the audit.")]
