"""Options that several commands share. An option overrides its FARE_… variable."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="The data directory (FARE_DATA_DIR).")
]
AdminKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--admin-key-file",
        help="A file with the admin key of a running server, or - for standard input "
        "(FARE_ADMIN_KEY_FILE; FARE_ADMIN_KEY holds the key itself).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Reason = Annotated[str, typer.Option(help="Why; recorded in the audit.")]
