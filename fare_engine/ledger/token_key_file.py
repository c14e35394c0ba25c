"""The file with the token key: what turns the numbers of media into tokens."""

import os
import secrets
from pathlib import Path
from typing import Final

from fare_engine.errors import FileInvalid
from fare_engine.ledger.files import PRIVATE, read_file

TOKEN_KEY: Final = "token.key"
"""Its name in the data directory."""

TOKEN_KEY_BYTES: Final = 32
TOKEN_KEY_FILE_BYTES_MAX: Final = 4_096


def read_token_key(path: Path) -> bytes:
    """The key in a file; FileInvalid when the file is not as it was written."""
    content = read_file(path, TOKEN_KEY_FILE_BYTES_MAX)
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError as error:
        raise FileInvalid(f"{path}: must be hexadecimal digits") from error
    if len(key) != TOKEN_KEY_BYTES:
        raise FileInvalid(f"{path}: must be a key of {TOKEN_KEY_BYTES} bytes, not {len(key)}")
    return key


def write_token_key(path: Path) -> None:
    """Make a new key in a new file, for its owner alone, and have it durable."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, PRIVATE), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(TOKEN_KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
