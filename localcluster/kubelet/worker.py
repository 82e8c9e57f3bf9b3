"""One pod of this machine, from its binding to its removal."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster import clock
from localcluster.kubelet import container as containers
from localcluster.kubelet import ending, pods, process, states, storage
from localcluster.kubelet.container import Container, Settings
from localcluster.kubelet.facts import PodFacts
from localcluster.kubelet.folders import PodFolder
from localcluster.kubelet.ports import Ports, listens
from localcluster.kubelet.status import OVERDUE, status_of
from localcluster.store import events
from localcluster.store.store import Store

Object = dict[str, Any]

COMPONENT = "kubelet"

Drained = Callable[[int], Awaitable[None]]
"""Waits until no request to that port is being answered."""


@dataclass(frozen=True)
class Machine:
    """What the pods of one machine share. `claims` is the folder of the persistent volume claims' folders."""

    store: Store
    settings: Settings
    ports: Ports
    claims: Path
    drained: Drained


class PodWorker:
    """Runs the containers: the init containers one after the other, then the others, beside the sidecars."""

    def __init__(self, pod: Object, folder: PodFolder, machine: Machine) -> None:
        self.object, self.folder, self.machine = pod, folder, machine
        self.sandbox = self.finished = self.overdue = False
        self.storage = storage.Storage(self, folder, machine.claims)
        self.deadline = ending.Deadline()
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._lost = False
        self.init = list(self._containers("initContainers", "initContainerStatuses"))
        self.containers = list(self._containers("containers", "containerStatuses"))

    def _containers(self, part: str, noted_part: str) -> Iterator[Container]:
        noted = {found["name"]: found for found in (self.object.get("status") or {}).get(noted_part) or []}
        for spec in self.object["spec"].get(part) or []:
            role = containers.MAIN
            if part == "initContainers":
                role = containers.SIDECAR if spec.get("restartPolicy") == "Always" else containers.INIT
            folder = self.folder.container(spec["name"])
            container = Container(self, spec, folder, self.machine.settings, self.folder.home, role)
            if self.object["spec"].get("initContainers"):
                container.status.expect("PodInitializing")
            container.restore(noted.get(spec["name"]))
            yield container

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"]["namespace"])

    @property
    def all_containers(self) -> list[Container]:
        return [*self.init, *self.containers]

    @property
    def port(self) -> int | None:
        """The port that requests go to: the first one that a container listens on."""
        return next((container.port for container in self.containers if container.port is not None), None)

    # What containers ask of their pod

    @property
    def volumes(self) -> dict[str, Path]:
        return self.storage.folders

    def report(self) -> None:
        """Writes the pod's status as it is now."""
        facts = PodFacts(
            [container.status for container in self.containers],
            self.sandbox,
            self.finished,
            clock.now(),
            [container.status for container in self.init],
            self.overdue,
        )

        def change(copy: Object) -> None:
            if copy["metadata"]["uid"] == self.uid:
                copy["status"] = status_of(copy, facts)

        self.machine.store.patch_status(
            "Pod", self.namespace, self.object["metadata"]["name"], change, manager=COMPONENT
        )

    def note_end(self) -> None:
        """A container has ended. When all have because the pod is deleted, that is told with the pod's end."""
        if self._stopping.is_set() and all("running" not in found.status.state for found in self.all_containers):
            return
        self.report()

    def event(self, type_: str, reason: str, message: str, path: str = "") -> None:
        events.record(self.machine.store, self.object, type_, reason, message, COMPONENT, field_path=path)

    def read(self, kind: str, name: str) -> Object:
        return self.machine.store.get(kind, self.namespace, name)

    def lost(self) -> None:
        """A container went down with the machine."""
        if not self._lost:
            self._lost = True
            self.event("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")

    async def drained(self, port: int) -> None:
        await self.machine.drained(port)

    # Its life

    def update(self, pod: Object) -> None:
        """Takes note of a change of the pod: of its deletion above all."""
        self.object = pod
        if pods.is_terminating(pod):
            self.stop(pods.grace(pod))
        self._changed.set()

    def stop(self, grace: float) -> None:
        """Ends all containers within so many seconds, sidecars last."""
        known = self._stopping.is_set()
        self._stopping.set()
        self.deadline.bring_forward(grace)
        for container in self.all_containers:
            if container.role == containers.SIDECAR and grace > 0:
                container.deadline.bring_forward(grace)
            else:
                container.stop(grace)
        if not known and not pods.is_finished(self.object):
            for container in self.all_containers:
                container.give_up()
            if all("running" not in container.status.state for container in self.all_containers):
                self.report()

    async def run(self) -> None:
        if not pods.is_finished(self.object):
            if not (self.object.get("status") or {}).get("containerStatuses"):
                self.report()
            expiry = asyncio.create_task(self._expire())
            try:
                if await self._prepare():
                    await self._run_containers()
            finally:
                expiry.cancel()
            self._finish()
        while not pods.is_terminating(self.object):
            self._changed.clear()
            await self._changed.wait()
        self._remove()

    async def _expire(self) -> None:
        """Ends the pod once its activeDeadlineSeconds have passed; they may be changed until then."""
        while (left := pods.active_seconds_left(self.object)) is None or left > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
        if not self._stopping.is_set():
            self.overdue = True
            self.stop(pods.own_grace(self.object))
            self.event("Normal", "DeadlineExceeded", OVERDUE)

    async def _prepare(self) -> bool:
        """Makes what the containers need. False if the pod is deleted meanwhile."""
        await asyncio.to_thread(self.folder.make)
        if not await self.storage.prepare(self._stopping, patient=not self._runs_already()):
            return False
        self._take_ports()
        self.sandbox = True
        fresh = all("waiting" in container.status.state for container in self.all_containers)
        if fresh and not pods.is_terminating(self.object):
            self.report()
        return True

    def _runs_already(self) -> bool:
        return any(isinstance(process.find(found.current), process.Process) for found in self.all_containers)

    def _take_ports(self) -> None:
        """A port of its own for every container that listens: as before, if its process is still there."""
        noted, given = self.folder.read_ports(), {}
        for container in self.all_containers:
            if not listens(container.spec):
                continue
            old = noted.get(container.name)
            if container.port is None:
                if old and isinstance(process.find(container.current), process.Process):
                    self.machine.ports.keep(old)
                    container.port = old
                else:
                    container.port = self.machine.ports.take(old)
            given[container.name] = container.port
        if given != noted:
            self.folder.write_ports(given)

    async def _run_containers(self) -> None:
        async with asyncio.TaskGroup() as group:
            sidecars: list[tuple[Container, asyncio.Task[None]]] = []
            if await self._initialize(group, sidecars):
                mains = [group.create_task(container.run()) for container in self.containers]
                await asyncio.wait(mains)
            for container, task in reversed(sidecars):
                container.stop(max(0.0, self.deadline.left) if self._stopping.is_set() else pods.own_grace(self.object))
                await asyncio.wait([task])

    async def _initialize(self, group: asyncio.TaskGroup, sidecars: list[tuple[Container, asyncio.Task[None]]]) -> bool:
        """Runs the init containers in order; whether all ended well, and all sidecars have started."""
        for container in self.init:
            task = group.create_task(container.run())
            if container.role == containers.SIDECAR:
                sidecars.append((container, task))
                await self._until_started(container, task)
            else:
                await asyncio.wait([task])
                if (container.status.terminated or {}).get("exitCode") != 0:
                    return False
            if self._stopping.is_set():
                return False
        return True

    async def _until_started(self, container: Container, task: asyncio.Task[None]) -> None:
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(container.started.wait()),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        try:
            await ending.first(*waits, task)
        finally:
            for wait in waits:
                wait.cancel()

    def _finish(self) -> None:
        """Nothing runs any more: first the containers' ends are told (by then they are), then the pod's."""
        self.finished = True
        if pods.is_terminating(self.object) or self.overdue:
            for container in self.all_containers:
                if not container.status.terminated:
                    container.status.ready = container.status.started = False
                    container.status.state = states.unseen()
        self.report()

    def _remove(self) -> None:
        name = self.object["metadata"]["name"]
        found = self.machine.store.find("Pod", self.namespace, name)
        if found is not None and found["metadata"]["uid"] == self.uid:
            self.machine.store.delete("Pod", self.namespace, name, uid=self.uid, grace=0)

    def free_ports(self) -> None:
        for container in self.all_containers:
            if container.port is not None:
                self.machine.ports.free(container.port)

    def uses_claim(self, namespace: str, name: str) -> bool:
        claims = storage.claims_of(self.object)
        return self.namespace == namespace and name in claims
