"""The contract of the tariff routes: the fare rules as operators write and read them.

The fields are those of the document that the ledger keeps (`fare_engine/documents.py`), with the
dates beside them.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt

from api.contract.operators import Note
from api.contract.taps import Answer, Code, Fen, Id, Instant, Request, Time

Metres = Annotated[StrictInt, Field(ge=1, le=10_000_000)]
Length = (
    Annotated[StrictInt, Field(ge=0, le=100_000)]
    | Annotated[float, Field(ge=0, le=100_000, strict=True)]
)
"""So many of the unit that the field's name ends with; whole or with decimals."""


class Band(Request):
    up_to_m: Metres = Field(description="inclusive")
    fare: Fen


class Further(Request):
    """What every further stretch begun costs, beyond the last band."""

    every_m: Metres
    fare: Fen


class Expiry(Request):
    minutes: Length


EXPLICIT_FARES_MAX: Final = 400_000
"""Every pair of 630 stations; no metro has as many."""


class TariffRules(Request):
    """The fare rules of one version."""

    bands: list[Band] = Field(max_length=1_000)
    further: Further | None = Field(None, description="left out where there are no bands")
    explicit_fares: list[tuple[Id, Id, Fen]] = Field(
        default=[],
        max_length=EXPLICIT_FARES_MAX,
        description="from, to, fen: these beat the bands",
    )
    same_station_fare: Fen
    missing_exit_fare: Fen
    unmatched_exit: Literal["open", "refuse"]
    unmatched_exit_fare: Fen
    discounts_percent: dict[Code, Annotated[StrictInt, Field(ge=0, le=100)]]
    max_stay_minutes: Length
    reentry_grace_seconds: Length
    reexit_grace_seconds: Length
    clock_skew_tolerance_seconds: Length
    ride_code_validity_seconds: Length = Field(
        30, description="how long before or after its issue a ride code counts, both inclusive"
    )
    journey_expiry: Literal["service_date_end"] | Expiry
    service_date_cut: str = Field(max_length=5, examples=["04:00"])
    time_zone: str = Field(min_length=1, max_length=64, examples=["Asia/Shanghai"])
    note: Note = ""


class TariffRequest(TariffRules):
    """A new version of the fare rules."""

    effective_from: Instant
    effective_to: Instant | None = None


class TariffRulesShown(TariffRules):
    """The fare rules of one version, in a list without a large table."""

    explicit_fares: list[tuple[Id, Id, Fen]] | None = Field(  # type: ignore[assignment]
        description="null where they are more than 100: `GET /v1/tariffs/{version}` has them"
    )


class TariffAnswer(Answer):
    """One version of the fare rules."""

    version: int
    effective_from: Time
    effective_to: Time | None
    explicit_pairs: int = Field(description="how many explicit fares it has")
    rules: TariffRulesShown
