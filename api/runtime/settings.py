"""Settings: every option is a FARE_… environment variable, and the command line overrides it.

``.env`` files are not read: what decides how money is taken should stand where operators look.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.runtime.peers import Network, parse_trusted_proxies
from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX
from fare_engine.errors import ConfigurationError
from fare_engine.ledger.database import is_postgresql

PREFIX = "FARE_"
SECRET_CHARACTERS_MAX = 4_096
BATCH_REQUEST_TAPS_MAX = 1_000
"""The contract's limit; a site may lower it, never raise it."""


def _parse_if_text(value: object) -> object:
    return parse_trusted_proxies(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """How one process runs. What decides taps is not here but in the catalogue."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)

    data_dir: Path = Field(Path("fare-data"), description="the ledger, its keys and its lock")
    database_url: SecretStr | None = Field(
        None, description="a ledger in PostgreSQL: postgresql://user@host:5432/database"
    )
    database_password_file: Path | None = Field(
        None, description="a file with the password of that database, instead of one in the URL"
    )
    network: str = Field("chengdu", description="what `init` loads: a built-in name or a file")
    host: str = Field("127.0.0.1", description="the address to listen at")
    port: int = Field(8000, ge=0, le=65_535, description="0 takes any free port")
    workers: int = Field(1, ge=1, description="processes that serve; several need a database")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="where the metrics of several workers are; 0 takes any port"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info")
    log_format: Literal["console", "json"] = Field("console")
    log_lines_per_minute: int = Field(
        20, ge=1, description="lines of one kind; further ones are counted"
    )
    body_bytes_max: int = Field(2**20, ge=1_024, description="a longer request body: 413")
    tariff_bytes_max: int = Field(
        2**23, ge=1_024, description="a longer tariff, fare table and all: 413"
    )
    pending_taps_max: int = Field(
        PENDING_TAPS_MAX, ge=BATCH_REQUEST_TAPS_MAX, description="taps that may wait: else 503"
    )
    commit_taps_max: int = Field(
        BATCH_TAPS_MAX, ge=1, description="taps of one transaction of the ledger"
    )
    commit_inline_taps_max: int = Field(
        128, ge=0, description="commits up to this size run in the event loop; 0 for a slow disk"
    )
    url_bytes_max: int = Field(8_192, ge=256, description="a longer URL: 414")
    header_bytes_max: int = Field(
        16_384, ge=1_024, description="larger headers of a request, with their line ends: 431"
    )
    headers_max: int = Field(64, ge=8, description="more headers of a request: 431")
    pipelined_requests_max: int = Field(
        16, ge=1, description="of one connection, answered before others have their turn"
    )
    connections_max: int = Field(
        4_096, ge=1, description="open connections; then one without a key makes room"
    )
    connections_per_peer_max: int = Field(1_024, ge=1, description="the same, of one address")
    unauthenticated_bytes_max: int = Field(
        32 * 2**20, ge=65_536, description="what connections without a key may hold together"
    )
    first_byte_seconds: int = Field(10, ge=1, description="until a new connection sends anything")
    head_seconds: int = Field(10, ge=1, description="for the whole head of a request: else 408")
    body_seconds: int = Field(30, ge=1, description="for its whole body: else 408")
    write_seconds: int = Field(30, ge=1, description="for a client to read what it was answered")
    keep_alive_seconds: int = Field(75, ge=1, description="an idle connection is closed after it")
    shutdown_seconds: int = Field(30, ge=1, description="how long a shutdown waits for answers")
    auth_failures_per_minute: int = Field(
        60, ge=1, description="requests of one peer without a valid key; beyond it 429"
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_parse_if_text)] = (
        Field((), description="addresses whose X-Forwarded-For is believed: `10.0.0.2, fd00::/64`")
    )
    api_url: str | None = Field(
        None, description="the server that operator commands call, wherever it runs"
    )
    admin_key: SecretStr | None = Field(
        None, description="for operator commands that speak to a running server"
    )
    admin_key_file: Path | None = Field(
        None, description="a file with that key, instead of the key itself; - is standard input"
    )


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; what is given and not None takes precedence.

    ConfigurationError names every variable that cannot be used, without its value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = [
            f"{PREFIX}{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError("\n".join(faults)) from None


def find_database_url(settings: Settings) -> str | None:
    """The URL of the ledger's database, with its password; None for the embedded ledger.

    ConfigurationError where the URL is none of PostgreSQL's, or the file has no password.
    """
    if settings.database_url is None:
        return None
    url = settings.database_url.get_secret_value()
    if not is_postgresql(url):
        raise ConfigurationError(
            f"{PREFIX}DATABASE_URL must begin with postgresql://; without it the ledger is the "
            "file in the data directory"
        )
    if settings.database_password_file is None:
        return url
    password = quote(_read_secret(settings.database_password_file), safe="")
    return f"{url}{'&' if '?' in url else '?'}password={password}"


def find_admin_key(settings: Settings) -> str | None:
    """The admin key, of its file where one is named; ConfigurationError where that has none."""
    if settings.admin_key_file is not None:
        return _read_secret(settings.admin_key_file)
    return None if settings.admin_key is None else settings.admin_key.get_secret_value()


def _read_secret(path: Path) -> str:
    """The first line of a file, or of standard input for `-`."""
    try:
        if str(path) == "-":
            text = sys.stdin.readline(SECRET_CHARACTERS_MAX + 1)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.readline(SECRET_CHARACTERS_MAX + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} cannot be read: it is no text") from None
    secret = text.strip()
    if not secret or len(secret) > SECRET_CHARACTERS_MAX:
        raise ConfigurationError(f"{path} must hold a secret in its first line")
    return secret


def list_unknown_variables() -> list[str]:
    """FARE_… variables of the environment that no option reads: most often a spelling mistake."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
