"""What can go wrong, in one tree. Every error has a stable ``code``.

::

    FareEngineError
    ├── TapRefused                    the tap cannot be decided; the gate's message says why
    │   ├── UnknownGate               unknown-gate
    │   ├── DirectionNotAllowed       direction-not-allowed
    │   ├── ClockAhead                clock-ahead
    │   ├── UnknownMedium             unknown-medium
    │   ├── MediumIdInvalid           medium-id-invalid
    │   ├── NoTariffInForce           no-tariff-in-force
    │   └── GateNotYours              gate-not-yours: the tap_id names another gate
    ├── TapConflict                   tap-conflict: a known tap_id with other content
    ├── LedgerError
    │   ├── LedgerUnavailable         ledger-unavailable: nothing is known to be stored
    │   ├── Overtaken                 overtaken: another engine was first, nothing is stored
    │   ├── Outdated                  outdated: something was published, nothing is stored
    │   ├── LedgerBusy                ledger-busy: nothing is stored, since somebody else writes
    │   ├── Overloaded                overloaded: a limit of the engine is reached
    │   └── LedgerDamaged             ledger-damaged: the ledger contradicts itself
    ├── LedgerLost                    ledger-lost: the file on disk is not the ledger any more
    ├── EpochEnded                    epoch-ended: the ledger was restored since
    ├── NotFound                      not-found
    ├── ReviewedOtherwise             conflict: the adjustment is not held, or no longer
    └── ConfigurationError
        ├── CatalogueInvalid          catalogue-invalid: carries every fault it found
        ├── DataDirectoryInUse        data-directory-in-use
        ├── DataDirectoryUsed         data-directory-used
        ├── DataDirectoryMissing      data-directory-missing
        ├── LedgerIncomplete          ledger-incomplete: what was acknowledged is missing
        ├── TokenKeyWrong             token-key-wrong: the key is not this ledger's
        ├── SchemaVersionWrong        schema-version-wrong: the ledger is not of this version
        └── FileInvalid               file-invalid: names the file and the place in it
"""

from collections.abc import Sequence
from typing import Final


class FareEngineError(Exception):
    """Something the engine reports by name; ``code`` never changes, the text may."""

    code = "fare-engine-error"


class TapRefused(FareEngineError):
    """This one tap cannot be decided; others are not touched."""

    code = "tap-refused"


class UnknownGate(TapRefused):
    code = "unknown-gate"


class DirectionNotAllowed(TapRefused):
    code = "direction-not-allowed"


class ClockAhead(TapRefused):
    code = "clock-ahead"


class UnknownMedium(TapRefused):
    code = "unknown-medium"


class MediumIdInvalid(TapRefused):
    code = "medium-id-invalid"


class NoTariffInForce(TapRefused):
    code = "no-tariff-in-force"


class GateNotYours(TapRefused):
    """The tap_id names another gate than the tap's own.

    `is_foreign`: the key that sent it does not speak for that gate either, and must not learn
    whether there is a tap under this tap_id.
    """

    code = "gate-not-yours"

    def __init__(self, message: str, *, is_foreign: bool) -> None:
        super().__init__(message)
        self.is_foreign = is_foreign


class TapConflict(FareEngineError):
    """The tap_id was used before for a tap with other content."""

    code = "tap-conflict"


class LedgerError(FareEngineError):
    """The ledger cannot serve right now, or cannot be trusted."""

    code = "ledger-error"


class LedgerUnavailable(LedgerError):
    """The ledger did not confirm; the tap may or may not be decided, its retry will show."""

    code = "ledger-unavailable"


class Overtaken(LedgerError):
    """Another engine committed first what this batch was decided on; it is decided again."""

    code = "overtaken"


class Outdated(LedgerError):
    """Something was published since this batch was decided; it is decided again by that."""

    code = "outdated"


class LedgerBusy(LedgerError):
    """Somebody else writes, and the caller would not wait; nothing is stored, try it patiently."""

    code = "ledger-busy"


class Overloaded(LedgerError):
    """A limit is reached; nothing was taken, the gate tries again later."""

    code = "overloaded"


class LedgerDamaged(LedgerError):
    """The ledger holds what the engine can never have written."""

    code = "ledger-damaged"


class LedgerLost(FareEngineError):
    """What is written does not stand on disk where the next start looks; the process must end.

    `may_close`: the ledger may be closed in good order; else that would write over what is left.
    """

    code = "ledger-lost"

    def __init__(self, message: str, *, may_close: bool) -> None:
        super().__init__(message)
        self.may_close = may_close


class EpochEnded(FareEngineError):
    """What was remembered of the ledger is of before a promotion or a restore."""

    code = "epoch-ended"


class NotFound(FareEngineError):
    """There is no such tap, station, gate, key or version."""

    code = "not-found"


class ReviewedOtherwise(FareEngineError):
    """The adjustment is not held: it never was, or a person has decided otherwise before."""

    code = "conflict"


class ConfigurationError(FareEngineError):
    """The configuration or a file an operator gave cannot be used as it is."""

    code = "configuration-error"


FAULTS_LISTED_MAX: Final = 50
"""Faults in the text of one error: a fare table may have thousands."""


class CatalogueInvalid(ConfigurationError):
    """The catalogue holds what cannot be; ``faults`` are (field, message), the text the first."""

    code = "catalogue-invalid"

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        listed = [f"{field}: {message}" for field, message in faults[:FAULTS_LISTED_MAX]]
        if len(faults) > len(listed):
            listed.append(f"and {len(faults) - len(listed)} more")
        super().__init__("; ".join(listed))
        self.faults = tuple(faults)


class DataDirectoryInUse(ConfigurationError):
    """Another process holds it: ``pid`` and, where it serves the API, ``url``, if known."""

    code = "data-directory-in-use"

    def __init__(self, message: str, pid: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.url = url


class DataDirectoryUsed(ConfigurationError):
    code = "data-directory-used"


class DataDirectoryMissing(ConfigurationError):
    code = "data-directory-missing"


class LedgerIncomplete(ConfigurationError):
    """What was acknowledged is missing; an operator has to know and accept it."""

    code = "ledger-incomplete"


class TokenKeyWrong(ConfigurationError):
    """Under another key every card is another token, and none of its taps is found again."""

    code = "token-key-wrong"


class SchemaVersionWrong(ConfigurationError):
    code = "schema-version-wrong"


class FileInvalid(ConfigurationError):
    code = "file-invalid"
