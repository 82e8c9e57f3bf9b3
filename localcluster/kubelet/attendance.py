"""One run of a container, from its start to its end: its hooks, its probes, and who ends it (recordings
liveness-failing, delete-deployment)."""

import asyncio
from typing import Any, Protocol

from localcluster.kubelet import ending, hooks, messages, pods
from localcluster.kubelet.health import Health
from localcluster.kubelet.probes import Target
from localcluster.kubelet.process import Exit, Process
from localcluster.kubelet.voice import Voice

Object = dict[str, Any]


class Pod(Protocol):
    """What is asked of the pod."""

    async def drained(self, port: int) -> None: ...


class Attendance:
    """Of one process. `put_down` says afterwards whether a failed probe or hook ended it."""

    def __init__(
        self, pod: Pod, spec: Object, voice: Voice, target: Target, deadline: ending.Deadline, started: asyncio.Event
    ) -> None:
        self.pod, self.spec, self.voice, self.target = pod, spec, voice, target
        self.deadline, self.started = deadline, started
        self.put_down = False

    @property
    def _is_stopping(self) -> bool:
        return self.voice.stopping.is_set()

    async def until_end(self, running: Process) -> Exit:
        """Attends to it until it has ended."""
        exit_ = asyncio.ensure_future(running.ended())
        try:
            if "running" in self.voice.status.state or await self._post_start(exit_):
                await self._keep(running, exit_)
            elif not exit_.done():
                self.voice.tell("Killing", "FailedPostStartHook")
                await self._put_down(running, exit_, pods.own_grace(self.voice.pod.object))
            return await exit_
        finally:
            self.started.clear()
            exit_.cancel()

    async def _post_start(self, exit_: asyncio.Future[Exit]) -> bool:
        """Runs postStart; its end is what makes the container running. False if it failed."""
        hook = asyncio.ensure_future(hooks.run(self.spec, "postStart", self.target))
        stopping = asyncio.ensure_future(self.voice.stopping.wait())
        try:
            await ending.first(hook, exit_, stopping)
            if hook.done() and not hook.result():
                self.voice.tell("FailedPostStartHook", "PostStartHook failed", warning=True)
                return False
            return True
        finally:
            hook.cancel()
            stopping.cancel()

    async def _keep(self, running: Process, exit_: asyncio.Future[Exit]) -> None:
        """Until it has ended, or has to."""
        status = self.voice.status
        health = Health(self.voice, self.spec, self.target, self.started)
        if "running" not in status.state:
            if status.terminated:
                status.last_state = status.state
            status.state = {"running": {"startedAt": messages.seconds(running.started_at)}}
            health.begin()
        self.voice.pod.report()
        stopping = asyncio.ensure_future(self.voice.stopping.wait())
        unhealthy = asyncio.ensure_future(health.failure())
        try:
            await ending.first(exit_, stopping, unhealthy)
            if unhealthy.done() and not exit_.done():
                grace = unhealthy.result().grace
                await self._put_down(running, exit_, pods.own_grace(self.voice.pod.object) if grace is None else grace)
            elif not exit_.done():
                unhealthy.cancel()
                await self._stop(running, exit_)
        finally:
            stopping.cancel()
            unhealthy.cancel()
            await asyncio.wait([unhealthy])  # no probe says a word about what has ended

    async def _stop(self, running: Process, exit_: asyncio.Future[Exit]) -> None:
        self.voice.tell("Killing", f"Stopping container {self.voice.name}")
        self.voice.pod.report()
        await ending.shut_down(running, exit_, self.deadline, self._quiesce)

    async def _put_down(self, running: Process, exit_: asyncio.Future[Exit], grace: float) -> None:
        self.put_down = True
        self.deadline.bring_forward(grace)
        await ending.shut_down(running, exit_, self.deadline, self._quiesce)
        if not self._is_stopping:
            self.deadline.forget()

    async def _quiesce(self) -> None:
        """Runs preStop and, if it is deleted, waits for the requests that are still being answered."""
        if not await hooks.run(self.spec, "preStop", self.target):
            self.voice.tell("FailedPreStopHook", "PreStopHook failed", warning=True)
        if self.target.port is not None and self._is_stopping:
            await self.pod.drained(self.target.port)
