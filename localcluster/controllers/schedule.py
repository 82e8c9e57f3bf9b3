"""The times of a CronJob: expressions of five fields, and what has been missed (pkg/controller/cronjob). Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

TOO_MANY = 100
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = re.compile(r"@every (?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")


class Unparseable(ValueError):
    """An expression that means no times."""


class UnknownZone(ValueError):
    """A time zone that this machine does not know."""


@dataclass(frozen=True)
class Schedule:
    """When a CronJob runs. `every` is set instead of an expression for `@every 1h30m`."""

    expression: str
    zone: ZoneInfo
    every: timedelta | None = None

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """The times after a moment, in order; fewer than infinitely many for an expression like 30 February."""
        if self.every:
            while True:
                moment += self.every
                yield moment
        yield from (found.astimezone(UTC) for found in CronSim(self.expression, moment.astimezone(self.zone)))

    def latest_before(self, moment: datetime) -> datetime | None:
        """The last time that is not after a moment."""
        backwards = CronSim(self.expression, (moment + timedelta(seconds=1)).astimezone(self.zone), reverse=True)
        return next((found.astimezone(UTC) for found in backwards), None)

    def next_after(self, moment: datetime) -> datetime | None:
        return next(self.times_after(moment), None)


def parse(expression: str, zone: str | None) -> Schedule:
    """A schedule in a time zone (an IANA name; none means UTC). Raises Unparseable, UnknownZone."""
    try:
        place = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"unknown time zone {zone}") from None
    text = expression.strip()
    every = _EVERY.fullmatch(text)
    if every:
        hours, minutes, seconds = (int(part or 0) for part in every.groups())
        pause = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return Schedule(text, place, max(pause, timedelta(seconds=1)))
    fields = _NAMED.get(text, text).replace("?", "*").split()
    if len(fields) != 5:
        raise Unparseable(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    try:
        CronSim(" ".join(fields), datetime.now(UTC))
    except (CronSimError, ValueError) as error:
        raise Unparseable(str(error)) from None
    return Schedule(" ".join(fields), place)


def missed(schedule: Schedule, earliest: datetime, now: datetime) -> tuple[datetime | None, bool]:
    """The latest time between two moments that a Job should have started at, and whether more than 100 were missed."""
    if schedule.every:
        count = int((now - earliest) / schedule.every)
        return (earliest + count * schedule.every, count > TOO_MANY) if count else (None, False)
    latest = schedule.latest_before(now)
    if latest is None or latest <= earliest:
        return None, False
    count = 0
    for found in schedule.times_after(earliest):
        if found > now or count > TOO_MANY:
            break
        count += 1
    return latest, count > TOO_MANY
