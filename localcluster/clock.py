"""Times as the Kubernetes API writes them: RFC 3339 in UTC, whole seconds (metav1.Time) or microseconds
(metav1.MicroTime)."""

from datetime import UTC, datetime


def now() -> str:
    """The present, in whole seconds: `2026-11-21T00:52:13Z`."""
    return stamp(datetime.now(UTC))


def now_micro() -> str:
    """The present, in microseconds: `2026-11-21T00:52:13.902048Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp(moment: datetime) -> str:
    """A moment with a time zone, in whole seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """An RFC 3339 time, with any number of decimals. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
