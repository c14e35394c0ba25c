"""Rights: what each kind of key may do, and which right each route needs.

Two tables, and `check_right`, which every call passes. A new route needs a row in one table, a new
kind of key a row in the other; a route without a row stops the server at its start.
"""

from collections.abc import Iterable
from enum import StrEnum, auto
from typing import Final

from api.contract.problems import Refused
from fare_engine.access_key import ADMIN, GATE, Key

Route = tuple[str, str]
"""The method and the path template of a route."""


LARGE_BODIES: Final = frozenset({("POST", "/v1/tariffs")})
"""Routes with a limit of their own for bodies, which they read off the event loop."""

KEY_IN_SCOPE: Final = "fare_engine.key"
"""Where the scope of a request holds its key."""


class Right(StrEnum):
    """What a route may need, apart where two roles of an operator may differ."""

    PUBLIC = auto()  # no key at all
    EVERY_STATION = auto()  # taps and controllers of all stations, not of the key's own alone

    SEND_TAPS = auto()  # and reports of what gates did
    READ_PARAMETERS = auto()
    SEND_HEARTBEAT = auto()

    READ_TAPS = auto()
    READ_NETWORK = auto()  # with the rules in force in it
    READ_ALARMS = auto()
    READ_QUARANTINE = auto()
    READ_CONFLICTS = auto()
    READ_SETTLEMENTS = auto()
    READ_AUDIT = auto()

    SUSPEND = auto()  # and resume
    CHANGE_MODES = auto()
    BLOCK_MEDIA = auto()  # unblock and list them
    CHANGE_NETWORK = auto()
    PUBLISH_POLICY = auto()
    PUBLISH_TARIFF = auto()
    SETTLE = auto()
    REVIEW_ADJUSTMENTS = auto()  # release or refuse those that are held
    MANAGE_KEYS = auto()
    MANAGE_ISSUERS = auto()


RIGHTS_OF_KIND: Final[dict[str, frozenset[Right]]] = {
    GATE: frozenset(
        {
            Right.SEND_TAPS,
            Right.READ_PARAMETERS,
            Right.SEND_HEARTBEAT,
            Right.READ_TAPS,
            Right.READ_NETWORK,
        }
    ),
    ADMIN: frozenset(Right),
}

ROUTE_RIGHTS: Final[dict[Route, Right]] = {
    ("GET", "/"): Right.PUBLIC,
    ("GET", "/livez"): Right.PUBLIC,
    ("GET", "/readyz"): Right.PUBLIC,
    ("GET", "/metrics"): Right.PUBLIC,
    ("GET", "/docs"): Right.PUBLIC,
    ("GET", "/docs/oauth2-redirect"): Right.PUBLIC,
    ("GET", "/static-offline-docs"): Right.PUBLIC,
    ("GET", "/openapi.json"): Right.PUBLIC,
    ("POST", "/v1/taps"): Right.SEND_TAPS,
    ("POST", "/v1/taps/batch"): Right.SEND_TAPS,
    ("GET", "/v1/taps/{tap_id}"): Right.READ_TAPS,
    ("POST", "/v1/taps/{tap_id}/report"): Right.SEND_TAPS,
    ("GET", "/v1/controllers"): Right.READ_ALARMS,
    ("GET", "/v1/controllers/{controller_id}/parameters"): Right.READ_PARAMETERS,
    ("POST", "/v1/controllers/{controller_id}/heartbeat"): Right.SEND_HEARTBEAT,
    ("GET", "/v1/stations"): Right.READ_NETWORK,
    ("GET", "/v1/stations/{station_id}"): Right.READ_NETWORK,
    ("GET", "/v1/stations/{station_id}/policies"): Right.READ_NETWORK,
    ("POST", "/v1/stations/{station_id}/policies"): Right.PUBLISH_POLICY,
    ("POST", "/v1/stations/{station_id}/policies/suspend"): Right.SUSPEND,
    ("POST", "/v1/stations/{station_id}/policies/resume"): Right.SUSPEND,
    ("GET", "/v1/stations/{station_id}/modes"): Right.READ_NETWORK,
    ("POST", "/v1/stations/{station_id}/modes"): Right.CHANGE_MODES,
    ("POST", "/v1/stations/{station_id}/modes/end"): Right.CHANGE_MODES,
    ("GET", "/v1/tariffs"): Right.READ_NETWORK,
    ("GET", "/v1/tariffs/{version}"): Right.READ_NETWORK,
    ("POST", "/v1/tariffs"): Right.PUBLISH_TARIFF,
    ("GET", "/v1/gates"): Right.READ_NETWORK,
    ("GET", "/v1/gates/{gate_id}"): Right.READ_NETWORK,
    ("PUT", "/v1/gates/{gate_id}"): Right.CHANGE_NETWORK,
    ("DELETE", "/v1/gates/{gate_id}"): Right.CHANGE_NETWORK,
    ("GET", "/v1/media-types"): Right.READ_NETWORK,
    ("POST", "/v1/media-types"): Right.CHANGE_NETWORK,
    ("PUT", "/v1/media-types/{code}"): Right.CHANGE_NETWORK,
    ("GET", "/v1/media/blocked"): Right.BLOCK_MEDIA,
    ("POST", "/v1/media/block"): Right.BLOCK_MEDIA,
    ("POST", "/v1/media/unblock"): Right.BLOCK_MEDIA,
    ("GET", "/v1/ride-code-issuers"): Right.MANAGE_ISSUERS,
    ("POST", "/v1/ride-code-issuers"): Right.MANAGE_ISSUERS,
    ("POST", "/v1/ride-code-issuers/{issuer_id}/rotate"): Right.MANAGE_ISSUERS,
    ("POST", "/v1/ride-code-issuers/{issuer_id}/retire"): Right.MANAGE_ISSUERS,
    ("GET", "/v1/settlements"): Right.READ_SETTLEMENTS,
    ("POST", "/v1/settlements"): Right.SETTLE,
    ("GET", "/v1/settlements/{settlement_id}"): Right.READ_SETTLEMENTS,
    ("GET", "/v1/settlements/{settlement_id}/adjustments"): Right.READ_SETTLEMENTS,
    ("GET", "/v1/adjustments"): Right.READ_SETTLEMENTS,
    ("POST", "/v1/adjustments/{adjustment_id}/release"): Right.REVIEW_ADJUSTMENTS,
    ("POST", "/v1/adjustments/{adjustment_id}/refuse"): Right.REVIEW_ADJUSTMENTS,
    ("GET", "/v1/quarantine"): Right.READ_QUARANTINE,
    ("GET", "/v1/conflicts"): Right.READ_CONFLICTS,
    ("GET", "/v1/alarms"): Right.READ_ALARMS,
    ("GET", "/v1/keys"): Right.MANAGE_KEYS,
    ("POST", "/v1/keys"): Right.MANAGE_KEYS,
    ("DELETE", "/v1/keys/{key_id}"): Right.MANAGE_KEYS,
    ("GET", "/v1/audit"): Right.READ_AUDIT,
}


METHODS: Final = sorted({"HEAD", "OPTIONS", *(method for method, _ in ROUTE_RIGHTS)})


def check_right(key: Key, right: Right) -> None:
    """Refuse a key that does not have a right, and say whose keys have it."""
    if right not in RIGHTS_OF_KIND[key.kind]:
        kinds = [kind for kind, rights in RIGHTS_OF_KIND.items() if right in rights]
        article = "an" if kinds[0][0] in "aeiou" else "a"
        raise Refused("forbidden", f"only {article} {' or '.join(kinds)} key may do this")


def needs_key(method: str, path: str) -> bool:
    """Whether an address needs a key: all of `/v1`, there or not, but for public routes.

    To ask which methods an address takes needs none.
    """
    if method == "OPTIONS":
        return False
    right = ROUTE_RIGHTS.get((method, path))
    return path.startswith("/v1") if right is None else right is not Right.PUBLIC


def check_every_route_has_a_right(routes: Iterable[Route]) -> None:
    """RuntimeError when a route stands in no row of the table."""
    forgotten = sorted(set(routes) - ROUTE_RIGHTS.keys())
    if forgotten:
        names = ", ".join(f"{method} {path}" for method, path in forgotten)
        raise RuntimeError(f"add to api.http.rights.ROUTE_RIGHTS: {names}")
