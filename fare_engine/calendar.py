"""Service dates: the business day of a metro, cut in the small hours and not at midnight."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware moment; finer digits are dropped."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(at_ms: int, zone: str = "UTC") -> datetime:
    """The moment of whole milliseconds since 1970, in a time zone."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


@dataclass(frozen=True, slots=True)
class ServiceDay:
    """One business day: its number (`date.toordinal`), its first instant, the next day's first."""

    ordinal: int
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class ServiceCalendar:
    """Finds the service date of an instant: the date in `zone` with the day cut at `cut_minutes`.

    At the cut a new service date begins, that instant included. `latest` is the answer given
    last: nearly all taps of an hour fall on one day, so callers in a hurry look there first.
    """

    zone: str = "Asia/Shanghai"
    cut_minutes: int = 4 * 60
    latest: ServiceDay = field(default=ServiceDay(0, 0, 0), init=False, repr=False, compare=False)

    def service_day(self, at_ms: int) -> ServiceDay:
        """The service date that holds this instant (milliseconds since 1970)."""
        latest = self.latest
        if latest.start_ms <= at_ms < latest.end_ms:
            return latest
        self.latest = latest = self._find_day(at_ms)
        return latest

    def find_date(self, day: date) -> ServiceDay:
        """The service date of that name."""
        return ServiceDay(day.toordinal(), self._cut_of(day), self._cut_of(day + timedelta(days=1)))

    def _find_day(self, at_ms: int) -> ServiceDay:
        day = (from_ms(at_ms, self.zone) - timedelta(minutes=self.cut_minutes)).date()
        # Where clocks change, wall-clock subtraction can miss by one day: look at both sides.
        while at_ms < self._cut_of(day):
            day -= timedelta(days=1)
        while at_ms >= (end_ms := self._cut_of(day + timedelta(days=1))):
            day += timedelta(days=1)
        return ServiceDay(day.toordinal(), self._cut_of(day), end_ms)

    def _cut_of(self, day: date) -> int:
        cut = time(self.cut_minutes // 60, self.cut_minutes % 60, tzinfo=ZoneInfo(self.zone))
        return to_ms(datetime.combine(day, cut))
