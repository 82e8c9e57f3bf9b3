"""What an app's processes write."""

import re
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from releases import policy
from releases.errors import Invalid
from releases.models import App
from releases.pipeline import inspect
from releases.pipeline.app_output.following import AppLog
from releases.pipeline.app_output.spoken import LINES_MAX, Choice, stamp
from releases.policy import Actor

LINES_DEFAULT = 100
DURATION = re.compile(r"([0-9]{1,9})([smhd])\Z")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=3650)


def app_log(
    app: App,
    *,
    by: Actor,
    service: str = "",
    process: str = "",
    since: str = "",
    lines: int | None = None,
    follow: bool = False,
    passing: bool = False,
) -> AppLog:
    """The output of the app's processes, to be read from the cluster.

    `since`: `90s`, `10m`, `2h`, `1d`, or an RFC 3339 time; `lines`: the last so many of all processes together, 100 if
    neither is given; `passing`: told when processes come and go, too. Raises NotAllowed, Invalid, ClusterUnavailable.
    """
    policy.require("view", by=by, app=app)
    if lines is not None and not 0 <= lines <= LINES_MAX:
        raise Invalid(f"{lines} lines can't be: a whole number from 0 to {LINES_MAX}; for more, say since when.")
    moment = _moment(since) if since else ""
    if lines is None and not moment:
        lines = LINES_DEFAULT
    sources = inspect.sources(app)
    if process and process not in sources:
        raise Invalid(f"{app.name} has no process {process[:100]}.")
    services = sorted({*filter(None, sources.values()), *_services(app)})
    if service and service not in services:
        known = f"it has {', '.join(services)}" if services else "it has no release yet"
        raise Invalid(f"{app.name} has no service {service[:60]}: {known}.")
    if service and process and sources[process] != service:
        raise Invalid(f"{process} is no process of {service}.")
    return AppLog(app, Choice(service=service, process=process, since=moment, lines=lines, passing=passing), follow)


def _services(app: App) -> set[str]:
    """Of what is active or on its way."""
    rollout = app.unfinished_rollout
    releases = filter(None, (app.active_release, rollout.release if rollout else None))
    return {name for release in releases for name in release.manifest["services"]}


def _moment(since: str) -> str:
    if match := DURATION.match(since):
        ago = min(timedelta(**{UNITS[match[2]]: int(match[1])}) if len(match[1]) < 8 else LONGEST, LONGEST)
        return stamp(timezone.now() - ago)
    try:
        moment = parse_datetime(since)
    except ValueError:
        moment = None
    if moment is None:
        raise Invalid("Since when? A duration such as 10m or 2h, or a time such as 2026-01-31T12:00:00Z.")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        # Nothing can be had from the future, and whoever asks for it wants what is to come.
        return stamp(min(max(moment, datetime(2000, 1, 1, tzinfo=UTC)), timezone.now()))
    except OverflowError:
        raise Invalid("That is no time.") from None
