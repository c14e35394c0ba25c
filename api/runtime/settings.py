"""Settings: every option is a FARE_… environment variable, and the command line overrides it.

``.env`` files are not read: what decides how money is taken should stand where operators look.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fare_engine.engine import BATCH_TAPS_MAX, PENDING_TAPS_MAX
from fare_engine.errors import ConfigurationError

PREFIX = "FARE_"
BATCH_REQUEST_TAPS_MAX = 1_000
"""The contract's limit; a site may lower it, never raise it."""


class Settings(BaseSettings):
    """How one process runs. What decides taps is not here but in the catalogue."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)

    data_dir: Path = Field(Path("fare-data"), description="the ledger, its keys and its lock")
    network: str = Field("chengdu", description="what `init` loads: a built-in name or a file")
    host: str = Field("127.0.0.1", description="the address to listen at")
    port: int = Field(8000, ge=0, le=65_535, description="0 takes any free port")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info")
    log_format: Literal["console", "json"] = Field("console")
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
    keep_alive_seconds: int = Field(75, ge=1, description="an idle connection is closed after it")
    shutdown_seconds: int = Field(30, ge=1, description="how long a shutdown waits for answers")
    admin_key: SecretStr | None = Field(
        None, description="for operator commands that speak to a running server"
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


def list_unknown_variables() -> list[str]:
    """FARE_… variables of the environment that no option reads: most often a spelling mistake."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
