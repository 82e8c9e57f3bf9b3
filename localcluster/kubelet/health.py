"""The health of a running container: what its probes find, and what follows from it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from localcluster.kubelet.pods import ContainerState
from localcluster.kubelet.probes import Probe, checker, watch

RunCommand = Callable[[list[str]], Awaitable[tuple[int, str]]]


class Reporter(Protocol):
    """Tells the world about a pod."""

    def report(self) -> None: ...
    def event(self, type_: str, reason: str, message: str, container: str = "") -> None: ...


class Health:
    """The probes of one run of a container. They keep `started` and `ready` of its status."""

    def __init__(
        self, pod: Reporter, spec: dict[str, Any], status: ContainerState, port: int | None, run_command: RunCommand
    ) -> None:
        self.pod, self.status, self.port, self.run_command = pod, status, port, run_command
        self.readiness = Probe.of(spec, "readinessProbe")
        self.liveness = Probe.of(spec, "livenessProbe")
        self.startup = Probe.of(spec, "startupProbe")

    def begin(self) -> None:
        """What holds before the first probe."""
        self.status.started = self.startup is None
        self.status.ready = self.readiness is None and self.startup is None

    async def failure(self) -> Probe:
        """Probes until a liveness or startup probe has failed for good, and gives that probe."""
        if self.startup and not self.status.started:
            failed = await self._until_started(self.startup)
            if failed:
                return failed
            self.status.started, self.status.ready = True, self.readiness is None
            self.pod.report()
        unhealthy: asyncio.Future[Probe] = asyncio.get_running_loop().create_future()
        kinds = (("Readiness", self.readiness), ("Liveness", self.liveness))
        tasks = [asyncio.create_task(self._watch(kind, probe, unhealthy)) for kind, probe in kinds if probe]
        try:
            return await unhealthy
        finally:
            await _cancel(tasks)

    async def _until_started(self, probe: Probe) -> Probe | None:
        unhealthy: asyncio.Future[Probe] = asyncio.get_running_loop().create_future()
        started = asyncio.Event()
        passing = asyncio.create_task(started.wait())
        tasks = [passing, asyncio.create_task(self._watch("Startup", probe, unhealthy, started.set))]
        try:
            either: list[asyncio.Future[Any]] = [passing, unhealthy]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return unhealthy.result() if unhealthy.done() else None
        finally:
            await _cancel(tasks)

    async def _watch(
        self, kind: str, probe: Probe, unhealthy: asyncio.Future[Probe], started: Callable[[], None] | None = None
    ) -> None:
        def passed() -> None:
            if started:
                started()
            if kind == "Readiness":
                self._set_ready(True)

        def failed(text: str, threshold: bool) -> None:
            self.pod.event("Warning", "Unhealthy", f"{kind} probe failed: {text}", self.status.name)
            if threshold and kind == "Readiness":
                self._set_ready(False)
            elif threshold and not unhealthy.done():
                message = f"Container {self.status.name} failed {kind.lower()} probe, will be restarted"
                self.pod.event("Normal", "Killing", message, self.status.name)
                unhealthy.set_result(probe)

        check = checker(probe, self.port, self.run_command)
        await watch(probe, check, passed=passed, failed=failed, impatient=kind != "Liveness")

    def _set_ready(self, ready: bool) -> None:
        if self.status.ready != ready:
            self.status.ready = ready
            self.pod.report()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
