"""Tells GitHub of one source's builds and rollouts, one thing after the other, until all of it is told."""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from releases.clients.github import Repository
from releases.errors import GitHubError, GitHubUnavailable
from releases.models import Build, Rollout, Source
from releases.models.storable import fitted
from releases.pipeline import repositories
from releases.pipeline.addresses import addresses
from releases.pipeline.reports import untold, words
from releases.pipeline.reports.pen import PenLost, beating, held, keep, take

logger = logging.getLogger(__name__)
PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)
RENAMED = (301, 302, 307, 308)
# Of who we are there, not of the single thing: nothing else would be taken either.
ABOUT_US = (None, 401, 403, 404, 410, 451)


def tell(source_id: int) -> None:
    """Until all is told or somebody else tells; where GitHub can't be told the source says why, and when next."""
    pen = str(uuid.uuid4())
    source = take(source_id, pen)
    if source is None:
        return
    refused = ""
    try:
        with beating(source.pk, pen):
            repository = _repository_of(source)
            if repository is not None:
                refused = _Teller(source, repository, pen).tell_all()
        _note(source, pen, reporter="", report_after=None, report_failures=0, report_problem=refused)
    except PenLost:
        logger.info("somebody else tells GitHub of %s, or it has changed", source.app.name)
    except GitHubError as error:
        _note_failure(source, pen, error)
    except BaseException:
        _note(source, pen, reporter="")  # nobody has to wait until this one is taken for dead
        raise


class _Teller:
    """Holds the pen of one source while it lasts."""

    def __init__(self, source: Source, repository: Repository, pen: str) -> None:
        self.source, self.repository, self.pen = source, repository, pen
        self.refused = ""

    def tell_all(self) -> str:
        """What GitHub did not take, in words; it is not tried again."""
        for build in untold.builds_of(self.source):
            self._settle(build, self._tell_build)
        for rollout in untold.rollouts_of(self.source):
            self._settle(rollout, self._tell_rollout)
        return self.refused

    def _settle(self, row: Build | Rollout, tell: Callable[[Any], None]) -> None:
        """Told as it is now; or GitHub does not take that, ever, and the next thing's turn comes."""
        keep(self.source, self.pen)
        row.refresh_from_db(fields=["status", "reason"])
        try:
            try:
                tell(row)
            except GitHubError as error:
                if error.status not in RENAMED:
                    raise
                self._follow()
                tell(row)
        except GitHubError as error:
            if isinstance(error, GitHubUnavailable) or error.status in (*ABOUT_US, *RENAMED):
                raise
            self.refused = f"{row}: {error.message}"
            logger.warning("GitHub was not told of %s: %s", row, error.message)
        self._write_down(row)

    def _tell_build(self, build: Build) -> None:
        if not untold.is_overtaken(build):
            self.repository.set_status(build.commit, words.of_build(build))

    def _tell_rollout(self, rollout: Rollout) -> None:
        if rollout.deployment is None:
            self._make_deployment(rollout)
        assert rollout.deployment is not None
        status = words.of_rollout(rollout, addresses(rollout.app, rollout.release))
        try:
            self.repository.set_deployment_status(rollout.deployment, status)
        except GitHubError as error:
            if error.status != 404:
                raise
            self._make_deployment(rollout)  # somebody deleted it there
            self.repository.set_deployment_status(rollout.deployment, status)

    def _make_deployment(self, rollout: Rollout) -> None:
        body = words.deployment(rollout)
        number = self.repository.find_deployment(body) or self.repository.create_deployment(body)
        rollout.deployment = number
        Rollout.objects.filter(pk=rollout.pk).update(deployment=number)

    def _follow(self) -> None:
        """The repository has another name now."""
        about = self.repository.about()
        self.repository = Repository(self.repository.door, about.name)
        columns = {"repository_name": about.name, "repository_id": about.id}
        Source.objects.filter(pk=self.source.pk, url=self.source.url).update(**fitted(Source, columns))

    def _write_down(self, row: Build | Rollout) -> None:
        """Who lost the pen meanwhile may have said something old after something new: it is to be told once more."""
        rows = type(row)._default_manager.filter(pk=row.pk)
        if held(self.source, self.pen).exists():
            rows.update(told=row.status)
        else:
            rows.update(told="")
            raise PenLost


def _repository_of(source: Source) -> Repository | None:
    try:
        return repositories.github_of(source)
    except GitHubError as error:
        if error.status != 404:
            raise
        name = repositories.github_name(source.url)
        words = f"The GitHub App is not installed on {name}, or may not see it: install it there, or give a token."
        raise GitHubError(words, status=404) from error


def _note(source: Source, pen: str, **changes: Any) -> None:
    held(source, pen).update(**fitted(Source, changes))


def _note_failure(source: Source, pen: str, error: GitHubError) -> None:
    """The longer it goes on, the more rarely it is tried; when GitHub names a time, then."""
    pause = min(PAUSE * 2 ** min(source.report_failures, 10), LONGEST_PAUSE)
    after = timezone.now() + pause
    if isinstance(error, GitHubUnavailable) and error.retry_at:
        after = error.retry_at
    logger.warning("GitHub can't be told of %s: %s", source.app.name, error.message)
    failures = source.report_failures + 1
    _note(source, pen, reporter="", report_after=after, report_failures=failures, report_problem=error.message)
