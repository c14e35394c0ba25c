"""The unit for systemd closes what the server does not need; `systemd-analyze` gives the figure."""

from configparser import ConfigParser
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "docs" / "fare-engine.service"


class Unit(ConfigParser):
    """A unit's sections; of options that stand twice the last one counts here."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture(scope="module")
def service() -> dict[str, str]:
    unit = Unit(strict=False, interpolation=None)
    unit.read(UNIT, "utf-8")
    return dict(unit["Service"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User", "fare-engine"),
        ("UMask", "0077"),
        ("StateDirectoryMode", "0700"),
        ("LimitCORE", "0"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("ProtectProc", "invisible"),
        ("RestrictNamespaces", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("IPAddressDeny", "any"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "~@privileged @resources"),
        ("Restart", "always"),
    ],
)
def test_the_service_is_closed(service: dict[str, str], name: str, value: str) -> None:
    assert service[name] == value


def test_the_command_holds_no_secret(service: dict[str, str]) -> None:
    assert "key" not in service["ExecStart"]
    assert "FARE_ADMIN_KEY" not in UNIT.read_text("utf-8")
