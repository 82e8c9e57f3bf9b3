"""A one-off process from when it is let go to its end: its output as it comes, then how it ended.

It runs for whoever asked for it: when they go, it is stopped.
"""

import logging
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from releases import logs
from releases.errors import ClusterUnavailable, DeployerError, NotFound, Refused, RunFailed
from releases.logs.pipe import Pipe
from releases.pipeline import event_log, following, job_health, processes, run_state, runs
from releases.pipeline.command_output import Output
from releases.pipeline.ownership import controller
from releases.pipeline.pod_log import Entry, PodLog
from releases.pipeline.run_state import State
from releases.pipeline.runs import Run

logger = logging.getLogger(__name__)
OURS = "system/deployer"
JOB_NAME = "batch.kubernetes.io/job-name"
WAITING_PARTS = 20  # of up to a thousand lines each; beyond this its output is not read on
LOOK_SECONDS, FIRST_LOOK_SECONDS = 1.0, 0.2
WORTH_A_LINE_SECONDS = 2.0
LAST_WORDS_SECONDS = 35.0
REMOVING_PAUSES = (0.5, 2, 5, 10, 0)


@dataclass(frozen=True)
class Said:
    """A line of its output, or of our own. `time`: RFC 3339 UTC."""

    time: str
    stream: str
    message: str

    def as_json(self, number: int) -> dict[str, Any]:
        return {"number": number, "time": self.time, "stream": self.stream, "message": self.message}


@dataclass(frozen=True)
class End:
    """How it ended: with an exit code, or an error."""

    exit_code: int | None = None
    error: DeployerError | None = None

    def as_json(self, number: int) -> dict[str, Any]:
        if self.error is None:
            return {"exit": self.exit_code}
        error = self.error
        return {"error": {"code": error.code, "message": error.message, "reasons": error.reasons}}


class Stopped(Exception):
    """Nobody listens any more."""


class Course:
    """Carries a run in a thread of its own, from the moment when somebody takes its output."""

    def __init__(self, run: Run) -> None:
        release = run.release
        self.run = run
        self.mask = logs.Mask.of(release)
        self.rules = following.rules(release.manifest, run.service, first=False)
        self.woken = threading.Event()
        self.output: Output | None = None
        self.process = ""
        self.seen: dict = {}
        self.told = ""
        self.beaten = float("-inf")

    async def parts(self, quiet_seconds: float) -> AsyncGenerator[list[Said | End], None]:
        """Lists in order, the last one with its End; an empty one after `quiet_seconds` without anything."""
        self.pipe: Pipe[list[Said | End]] = Pipe(WAITING_PARTS)
        threading.Thread(target=self._carry, name=self.run.name, daemon=True).start()
        try:
            while (taken := await self.pipe.take(quiet_seconds)) is not None:
                yield [said for part in taken for said in part]
        finally:
            self.pipe.close()
            self.woken.set()

    # --- In its thread ----------------------------------------------------------------------------------------------

    def _carry(self) -> None:
        """One ladder from exception to its end."""
        end = None
        try:
            end = self._follow()
        except Stopped:
            logger.info("%s is stopped: who asked for it has gone", self.run.name)
        except DeployerError as error:
            end = End(error=error)
        except Exception as error:
            logger.exception("%s failed by our own fault", self.run.name)
            end = End(error=RunFailed(f"Deployer itself failed ({type(error).__name__}); its log says more."))
        finally:
            if self.output:
                self.output.close()
            self._remove()
        with suppress(Stopped):
            if end:
                self._put([end])
        self.pipe.end()

    def _follow(self) -> End:
        self._beat()
        runs.let_go(self.run)
        since, looked = time.monotonic(), float("-inf")
        while True:
            self._tell(self.output.entries() if self.output else [])
            pause = LOOK_SECONDS if self.output else FIRST_LOOK_SECONDS
            over = self.output is not None and self.output.ended.is_set()
            if time.monotonic() - looked >= pause or over:
                looked = time.monotonic()
                state = self._look(looked - since)
                if state is not None and state.is_over:
                    return self._ended(state)
            self.woken.wait(pause)
            self.woken.clear()

    def _look(self, waited: float) -> State | None:
        """None while the cluster does not answer: it runs on meanwhile."""
        try:
            job = self.run.cluster.find("Job", self.run.namespace, self.run.name)
            selector = f"{JOB_NAME}={self.run.name}"
            found, _ = self.run.cluster.list_all("Pod", self.run.namespace, labels=selector)
            pods = [pod for pod in found if controller(pod, "Job") == self.run.uid]
            said = {} if pods or waited < WORTH_A_LINE_SECONDS else self._warnings()
        except ClusterUnavailable as error:
            self._mention(f"Waiting for the cluster: {error.message}", waited)
            return None
        now = timezone.now()
        self.seen = job_health.sightings(self.seen, pods, now)
        state = run_state.assess(
            job, pods, uid=self.run.uid, rules=self.rules, first_seen=self.seen, waited=waited, said=said, now=now
        )
        for pod in pods if self.output is None else []:
            if (processes.container(pod).get("state") or {}).keys() & {"running", "terminated"}:
                self.process = processes.name(pod)
                self.output = Output(PodLog(self.run.cluster, self.run.namespace, self.process), self.woken)
        if state.waiting:
            self._mention(f"Waiting: {state.waiting}", waited)
        return state

    def _warnings(self) -> dict[str, str]:
        events, _ = self.run.cluster.list_all("Event", self.run.namespace)
        return event_log.last_warnings(events)

    def _ended(self, state: State) -> End:
        """All that it wrote, then how it ended."""
        for entries in self._last_words(state):
            self._tell(entries)
        if state.exit_code is not None:
            return End(exit_code=state.exit_code)
        reasons = [self.mask.hide(text) for text in (state.failure, state.hint) if text]
        return End(error=RunFailed(reasons[0], reasons=reasons, code=state.code))

    def _last_words(self, state: State) -> Iterator[list[Entry]]:
        if self.output is None:
            return
        if state.exit_code is None:  # it may be writing while it is stopped, and then nothing of it is left to read
            until = time.monotonic() + LAST_WORDS_SECONDS
            while not self.output.ended.wait(0.1) and time.monotonic() < until:
                yield self.output.entries()
        for attempt in range(2):
            try:
                yield from self.output.rest()
                return
            except ClusterUnavailable:
                time.sleep(1 + attempt)
            except (NotFound, Refused) as error:
                if state.exit_code is not None:
                    self._say(f"The end of its output could not be read: {error.message}")
                return
        self._say("The end of its output could not be read: the cluster does not answer.")

    def _tell(self, entries: list[Entry]) -> None:
        stream = f"run/{self.run.service}/{self.process}"
        self._put([Said(place.time, stream, logs.clean(self.mask.hide(text))) for place, text in entries])

    def _mention(self, words: str, waited: float) -> None:
        """Once, of what lasts longer than a moment."""
        if waited > WORTH_A_LINE_SECONDS and words != self.told:
            self.told = words
            self._say(words)

    def _say(self, words: str) -> None:
        now = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._put([Said(now, OURS, logs.clean(self.mask.hide(words)))])

    def _put(self, said: list[Said | End]) -> None:
        """However slowly that is taken. Raises Stopped when nobody takes it any more, also with nothing to say."""
        self._beat()
        while not self.pipe.closed:
            if not said or self.pipe.put(said, runs.BEAT_SECONDS):
                return
            self._beat()
        raise Stopped

    def _beat(self) -> None:
        if time.monotonic() - self.beaten >= runs.BEAT_SECONDS:
            self.beaten = time.monotonic()
            runs.is_carried(self.run)

    def _remove(self) -> None:
        for pause in REMOVING_PAUSES:
            if runs.remove(self.run):
                return
            time.sleep(pause)
