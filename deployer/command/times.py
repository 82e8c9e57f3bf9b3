"""Times as people give them."""

import re
from datetime import UTC, datetime, timedelta

from deployer.command.failure import USAGE, Failure

LENGTH = re.compile(r"([0-9]{1,6})([smhdw])\Z")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, *, ahead: bool, now: datetime | None = None) -> str:
    """RFC 3339 of `2h` from now, or before it, or of a time that has that form already. Raises Failure."""
    if match := LENGTH.match(text):
        length = timedelta(**{UNITS[match[2]]: int(match[1])})
        now = now or datetime.now(UTC)
        try:
            return (now + length if ahead else now - length).isoformat()
        except OverflowError as error:
            raise Failure(f"“{text}” is too long.", status=USAGE) from error
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f"“{text}” is no time: 30m, 2h, 3d or 2026-03-18T14:30:00Z, say.", status=USAGE) from error
    return (read if read.tzinfo else read.astimezone()).isoformat()
