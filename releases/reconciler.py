"""Asks, every few minutes, what no delivery may have told: where branches are, and whether checks are green.

One thing at a time, one look per host and second, later and later where nobody answers: so that a lost webhook is only
late, and a server in trouble is not troubled more.
"""

import logging
import random
import threading
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections
from django.db.models import F, Q
from django.utils import timezone

from releases import actions
from releases.clients.github import Checks
from releases.errors import GitHubError, GitHubUnavailable, SourceFailed
from releases.models import Build, Source
from releases.models.build import GREEN, RED, WAITING
from releases.models.source import NOTHING
from releases.models.storable import fitted
from releases.pipeline.pushes.facts import HEADS
from releases.pipeline.pushes.rules import SHORT
from releases.pipeline.repositories import github_of, repository_of

logger = logging.getLogger(__name__)
TURN_SECONDS = 1.0
DUE_MAX = 200
LONGEST = timedelta(hours=1)
# What passes by itself is not worth a word before it has failed so often.
QUIET = 3
OURS = "deployer/"


class Ending(Exception):
    """Deployer is told to end."""


class Reconciler:
    """Runs in a thread of its own until `stopped` is set."""

    def __init__(self, stopped: threading.Event) -> None:
        self.stopped = stopped

    def start(self) -> None:
        threading.Thread(target=self._run, name="reconciler", daemon=True).start()

    def _run(self) -> None:
        while not self.stopped.wait(TURN_SECONDS):
            try:
                self.turn()
            except Ending:
                return
            except Exception as error:  # the database may be away: the next turn sees
                logger.warning("the reconciler could not look: %s", error)
            finally:
                connections.close_all()

    def turn(self) -> None:
        """What is due now: of each host one repository, and the checks that something waits for."""
        for build in self._due_checks():
            self._end_when_stopped()
            if _claim_checks(build):
                self._ask(build)
        asked: set[str] = set()
        for source in self._due_sources():
            self._end_when_stopped()
            if (host := host_of(source.url)) not in asked and _claim(source):
                asked.add(host)
                self._look(source)

    def _due_sources(self) -> list[Source]:
        due = Q(look_after=None) | Q(look_after__lte=timezone.now())
        rows = Source.objects.filter(due, app__deleting_at=None).exclude(on_push=NOTHING)
        return list(rows.select_related("app").order_by(F("look_after").asc(nulls_first=True))[:DUE_MAX])

    def _due_checks(self) -> list[Build]:
        rows = Build.objects.filter(checks__in=(WAITING, RED), checks_due__lte=timezone.now(), app__deleting_at=None)
        return list(rows.select_related("app__source").order_by("checks_due")[:DUE_MAX])

    def _look(self, source: Source) -> None:
        """Where its branch is now. What is wrong is shown with the source; only once it has lasted, if it may pass."""
        asked_at = timezone.now()
        try:
            point = repository_of(source, stop=self._end_when_stopped).resolve(HEADS + source.branch)
        except SourceFailed as error:
            _note_failure(source, error)
            return
        seen = {"looked_at": timezone.now(), "failures": 0, "problem": "", "hint": "", "problem_since": None}
        Source.objects.filter(pk=source.pk, url=source.url).update(**seen)
        if build := actions.head_seen(source, point.commit, asked_at=asked_at):
            logger.warning("%s: no delivery told of %s: %s", source, point.commit[:SHORT], build)

    def _ask(self, build: Build) -> None:
        source: Source | None = getattr(build.app, "source", None)
        try:
            repository = github_of(source) if source else None
            if repository is None:
                raise GitHubError("There is no token, and no GitHub App, to ask with.")
            checks = repository.checks(build.commit, without=OURS)
        except GitHubError as error:
            again_at = (error.retry_at or _next_question()) if isinstance(error, GitHubUnavailable) else None
            words = f"The checks of {build.commit[:SHORT]} can't be asked for: {error.message}"
            actions.checks_told(build, WAITING if build.checks == WAITING else RED, words, again_at=again_at)
            return
        actions.checks_told(build, _state(checks), in_words(build.commit, checks))

    def _end_when_stopped(self) -> None:
        if self.stopped.is_set():
            raise Ending


def host_of(url: str) -> str:
    """Whose patience a look costs."""
    return urlsplit(url).hostname or "" if "://" in url else url.partition(":")[0].rpartition("@")[2]


def in_words(commit: str, checks: Checks) -> str:
    short = commit[:SHORT]
    if checks.state == "green":
        return f"The checks of {short} are green: {_names(checks.green)}."
    if checks.state == "failed":
        return f"The checks of {short} failed: {_names(checks.failed)}."
    if checks.state == "waiting":
        return f"The checks of {short} are not over yet: {_names(checks.waiting)}."
    return f"No check has said anything of {short} yet."


def _state(checks: Checks) -> str:
    return {"green": GREEN, "failed": RED}.get(checks.state, WAITING)


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _claim(source: Source) -> bool:
    """Of two reapers one looks; and it is not looked at again before its time, whatever becomes of us."""
    here = Source.objects.filter(pk=source.pk, look_after=source.look_after)
    return bool(here.update(look_after=_next_look(source.failures)))


def _claim_checks(build: Build) -> bool:
    """As for sources; `build` then says when its next time is."""
    due, build.checks_due = build.checks_due, _next_question()
    return bool(Build.objects.filter(pk=build.pk, checks_due=due).update(checks_due=build.checks_due))


def _next_question() -> datetime:
    return timezone.now() + timedelta(seconds=settings.CHECKS_SECONDS * random.uniform(0.8, 1.2))


def _next_look(failures: int) -> datetime:
    """Later each time that it failed; never all of them in the same moment."""
    wait = timedelta(seconds=settings.RECONCILE_SECONDS) * 2 ** min(failures, 12)
    longest = max(LONGEST, timedelta(seconds=settings.RECONCILE_SECONDS))
    return timezone.now() + min(wait, longest) * random.uniform(0.8, 1.2)


def _note_failure(source: Source, error: SourceFailed) -> None:
    failures = source.failures + 1
    changes: dict[str, object] = {"looked_at": timezone.now(), "failures": failures, "look_after": _next_look(failures)}
    if not error.passing or failures >= QUIET:
        since = source.problem_since or timezone.now()
        changes |= {"problem": error.message, "hint": error.hint, "problem_since": since}
        if source.problem != error.message:
            logger.warning("%s can't be read: %s", source, error.message)
    Source.objects.filter(pk=source.pk, url=source.url).update(**fitted(Source, changes))
