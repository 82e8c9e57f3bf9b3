"""The log of one build while it is made: stored in batches, bounded; and the look whether to stop."""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from releases import logs
from releases.errors import BuildFailed
from releases.models import Build
from releases.models.outage import when_it_answers
from releases.pipeline.build_steps import Steps

# The first line after a pause is stored at once. Of a step that goes on talking, each batch costs its build and all who
# watch it processor time: five a second read as live as twenty.
FLUSH_SECONDS = 0.2
FLUSH_LINES = 2000
# Of a log that has become too long the end is kept, where it says what came of it.
LAST_LINES = 200
# What a line costs besides its text, about.
LINE_BYTES = 100
Given = TypeVar("Given")


class Cancelled(Exception):
    """A person asked for it."""


def mask_of(build: Build) -> logs.Mask:
    """Of what its release will have."""
    return logs.Mask(build.app.with_staged(build.app.environment()))


def once_it_answers(deed: Callable[[], Given]) -> Given:
    """What `deed` gives, which asks the database: a build waits for that as long as it may take itself."""
    return when_it_answers(deed, seconds=settings.BUILD_DEADLINE)


class BuildLog:
    """Lines of one build. Stores up to BUILD_LOG_MAX_BYTES, and the last lines when it is closed."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.mask = once_it_answers(partial(mask_of, build))
        self.deadline: datetime = (build.started_at or timezone.now()) + timedelta(seconds=settings.BUILD_DEADLINE)
        self.waiting: list[logs.Line] = []
        self.stored, self.unsure = build.last_line, False
        self.flushed = 0.0
        self.room = settings.BUILD_LOG_MAX_BYTES
        self.left_out = 0
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self.steps = Steps(timezone.now(), self.mask.hide)

    def say(self, message: str) -> None:
        self.steps.take(message, timezone.now())
        if self.room <= 0:
            self.left_out += 1
            self.last.append(message[: logs.MESSAGE_MAX + 1])
            return
        self._keep(logs.Line("build", message[: logs.MESSAGE_MAX + 1]))
        if self.room <= 0:
            limit = filesizeformat(settings.BUILD_LOG_MAX_BYTES).replace("\xa0", " ")
            words = f"The log has reached {limit}: the build goes on, and of what it says now only the end is kept."
            self._keep(logs.Line("build", words))

    def _keep(self, line: logs.Line) -> None:
        self.room -= len(line.message) + LINE_BYTES
        self.waiting.append(line)
        if len(self.waiting) >= FLUSH_LINES or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def close(self) -> None:
        """Store what waits, the end of what was left out, and how long the last steps took. Raises Stale."""
        self.steps.end(timezone.now())
        if self.left_out > len(self.last):
            self.waiting.append(logs.Line("build", f"… {self.left_out - len(self.last):,} lines are left out here …"))
        self.waiting.extend(logs.Line("build", message) for message in self.last)
        self.last.clear()
        self.left_out = 0
        self.flush()

    def flush(self) -> None:
        """Store what waits, once the database answers. Raises Stale."""
        if self.waiting:
            once_it_answers(self._store)
        if self.steps.changed:
            once_it_answers(partial(self.build.write, steps=self.steps.rows))
            self.steps.changed = False
            logs.pages_changed(self.build.app_id)
        self.waiting, self.flushed = [], time.monotonic()

    def _store(self) -> None:
        """Unless that was done, and only the answer got lost: nobody else writes this log in our epoch."""
        wanted = self.stored + len(self.waiting)
        if self.unsure and Build.objects.values_list("last_line", flat=True).get(pk=self.build.pk) == wanted:
            self.build.last_line = wanted
        else:
            self.unsure = True
            logs.append(self.build, self.waiting, mask=self.mask)
        self.stored, self.unsure = wanted, False

    def check(self) -> None:
        """Raises Cancelled, BuildFailed when its time is up. What was said is stored by then."""
        self.flush()
        once_it_answers(partial(self.build.refresh_from_db, fields=["cancel_requested_at"]))
        if self.build.cancel_requested_at:
            raise Cancelled
        if timezone.now() > self.deadline:
            raise BuildFailed(f"The build took longer than {settings.BUILD_DEADLINE} s.")
