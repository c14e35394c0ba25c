"""The parameters that a station keeps in its file: the latest version, and those before it.

Earlier versions stay for the journeys that pinned them. Modes set at the station by hand hold
beside those that the engine pushed. One version, as a document says it, is
`gates.parameters.Parameters`.
"""

from typing import Final

from fare_engine.calendar import ServiceCalendar, ServiceDay
from fare_engine.journey import Terms
from fare_engine.modes import MODES_BY_CODE, DegradedMode, Mode
from fare_engine.versions import find_in_force
from gates.crash import crash_point
from gates.errors import ParametersInvalid, WrongUsage
from gates.parameters import Parameters, parse_parameters
from gates.station_file import StationFile
from gates.token_states import Pin

DOCUMENTS_KEPT: Final = 8
"""A journey that pinned an older version is decided by those in force at its entry."""

MODES_MAX: Final = 1_000
_NO_MODE: Final = Mode(0)


class StationParameters:
    """All parameters of one station, over its file."""

    def __init__(self, file: StationFile, station_id: str) -> None:
        self._file = file
        self._station_id = station_id
        self.current: Parameters | None = None
        self.problem: str | None = None
        """Why a stored document cannot be used, where one cannot."""
        self._earlier: list[Parameters] = []
        self._calendar = ServiceCalendar()
        for (document,) in file.read("SELECT document FROM parameters ORDER BY place"):
            try:
                self._use(parse_parameters(document, station_id))
            except ParametersInvalid as error:
                self.problem = str(error)

    def adopt(self, document: bytes, parameters: Parameters) -> None:
        """Use a document of the engine, now and after any restart."""
        with self._file.transaction() as sql:
            sql.execute(
                "INSERT INTO parameters (version, document) VALUES (?, ?)",
                (parameters.version, document),
            )
            sql.execute(
                "DELETE FROM parameters WHERE place <= (SELECT max(place) FROM parameters) - ?",
                (DOCUMENTS_KEPT,),
            )
            crash_point("inside_parameters_write")
        crash_point("after_parameters_write")
        self._use(parameters)

    def read(self, document: bytes) -> Parameters:
        """A document's parameters of this station; ParametersInvalid when it cannot be used."""
        return parse_parameters(document, self._station_id)

    def service_day(self, at_ms: int) -> ServiceDay:
        """The service date of an instant, by the tariff in force."""
        tariff = find_in_force(self.current.tariffs, at_ms) if self.current else None
        return (tariff.calendar if tariff else self._calendar).service_day(at_ms)

    def find_terms(self, at_ms: int) -> Terms | None:
        """The terms in force at the station; None before its first parameters."""
        current = self.current
        tariff = find_in_force(current.tariffs, at_ms) if current else None
        if current is None or tariff is None:
            return None
        policy = find_in_force(current.policies, at_ms)
        suspended = any(stretch.covers(at_ms) for stretch in current.suspensions)
        # When gates stood open elsewhere matters only to the fare of a missing exit, which no gate
        # takes: the engine decides it.
        return Terms(tariff, policy, suspended, self.find_modes(at_ms))

    def find_pinned(self, pin: Pin, entered_at_ms: int) -> Terms | None:
        """The terms that an entry pinned; where these are no longer kept, those in force then."""
        policy_version, suspended, tariff_version = pin
        known = [*self._earlier, self.current] if self.current else []
        for parameters in reversed(known):
            tariffs = [one for one in parameters.tariffs if one.version == tariff_version]
            policies = [one for one in parameters.policies if one.version == policy_version]
            if tariffs and (policies or policy_version is None):
                return Terms(tariffs[0], policies[0] if policies else None, suspended)
        return self.find_terms(entered_at_ms)

    def is_blocked(self, token: bytes) -> bool:
        """Whether a medium is on the block list."""
        return self.current is not None and token in self.current.blocked

    def find_modes(self, at_ms: int) -> Mode:
        """The degraded modes in force: pushed by the engine, or set here by hand."""
        pushed = self.current.modes if self.current else ()
        modes = _NO_MODE
        for stretch in (*pushed, *self._list_own()):
            if stretch.covers(at_ms):
                modes |= stretch.mode
        return modes

    def start_mode(self, mode: str, at_ms: int, reason: str) -> None:
        """Set a degraded mode at the station from now on."""
        if mode not in MODES_BY_CODE:
            raise WrongUsage(f"there is no mode {mode!r}; there are {', '.join(MODES_BY_CODE)}")
        self.end_mode(mode, at_ms)
        with self._file.transaction() as sql:
            sql.execute(
                "INSERT INTO modes (mode, effective_from, reason) VALUES (?, ?, ?)",
                (mode, at_ms, reason),
            )
            sql.execute(
                "DELETE FROM modes WHERE place <= (SELECT max(place) FROM modes) - ?",
                (MODES_MAX,),
            )

    def end_mode(self, mode: str, at_ms: int) -> None:
        """End a degraded mode that was set at the station."""
        with self._file.transaction() as sql:
            sql.execute(
                "UPDATE modes SET effective_to = ? WHERE mode = ? AND effective_to IS NULL",
                (at_ms, mode),
            )

    def _list_own(self) -> list[DegradedMode]:
        rows = self._file.read("SELECT mode, effective_from, reason, effective_to FROM modes")
        return [DegradedMode(self._station_id, MODES_BY_CODE[code], *more) for code, *more in rows]

    def _use(self, parameters: Parameters) -> None:
        if self.current is not None:
            self._earlier = [*self._earlier, self.current][1 - DOCUMENTS_KEPT :]
        self.current = parameters
