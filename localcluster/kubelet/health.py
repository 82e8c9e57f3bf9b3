"""The health of a running container: what its probes find, and what follows from it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from localcluster.kubelet.probes import FAILED, UNKNOWN, Finding, Probe, Target, checker, watch
from localcluster.kubelet.voice import Voice


class Health:
    """The probes of one run of a container. They keep `started` and `ready` of its status."""

    def __init__(self, voice: Voice, spec: dict[str, Any], target: Target, started: asyncio.Event) -> None:
        self.voice, self.status, self.target, self.started = voice, voice.status, target, started
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
            self.voice.pod.report()
        self.started.set()
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

        def failed(threshold: bool) -> None:
            if threshold and kind == "Readiness":
                self._set_ready(False)
            elif threshold and not unhealthy.done():
                message = f"Container {self.status.name} failed {kind.lower()} probe, will be restarted"
                self.voice.tell("Killing", message)
                unhealthy.set_result(probe)

        def tell(found: Finding) -> None:
            self._tell(kind, found)

        check = checker(probe, self.target)
        try:
            await watch(probe, check, passed=passed, failed=failed, tell=tell, impatient=kind != "Liveness")
        except Exception as error:
            # A fault of ours or of the machine: the pod's worker takes the container up again, with its probes.
            if not unhealthy.done():
                unhealthy.set_exception(error)

    def _tell(self, kind: str, found: Finding) -> None:
        if found.kind == FAILED:
            reason, message = "Unhealthy", f"{kind} probe failed: {found.text}"
        elif found.kind == UNKNOWN:
            reason, message = "Unhealthy", f"{kind} probe errored and resulted in unknown state: {found.text}"
        else:
            reason, message = "ProbeWarning", f"{kind} probe warning: {found.text}"
        self.voice.tell(reason, message, warning=True)

    def _set_ready(self, ready: bool) -> None:
        if self.status.ready != ready:
            self.status.ready = ready
            self.voice.pod.report()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
