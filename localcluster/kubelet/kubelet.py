"""The kubelet: runs the pods that are bound to this machine, and reports how they are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from localcluster import clock
from localcluster.kubelet import folders, pods, process
from localcluster.kubelet.container import Container, Settings
from localcluster.kubelet.folders import PodFolder
from localcluster.kubelet.pods import ContainerState, PodFacts
from localcluster.kubelet.ports import Ports
from localcluster.store import events
from localcluster.store.store import Store

Object = dict[str, Any]

COMPONENT = "kubelet"
RETRY = 1.0

log = logging.getLogger("localcluster")

Drained = Callable[[int], Awaitable[None]]
"""Waits until no request to that port is being answered."""


class PodWorker:
    """One pod, from its binding to its removal."""

    def __init__(
        self, store: Store, pod: Object, folder: PodFolder, settings: Settings, ports: Ports, drained: Drained
    ) -> None:
        self.store, self.object, self.folder, self.ports = store, pod, folder, ports
        self._drained = drained
        self.sandbox = self.finished = False
        self._changed = asyncio.Event()
        noted = {found["name"]: found for found in (pod.get("status") or {}).get("containerStatuses") or []}
        self.containers = []
        for spec in pod["spec"]["containers"]:
            container = Container(self, spec, folder.container(spec["name"]), settings, folder.home)
            container.restore(noted.get(spec["name"]))
            self.containers.append(container)

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])

    @property
    def port(self) -> int | None:
        """The port that requests go to: the first one that a container listens on."""
        return next((container.port for container in self.containers if container.port is not None), None)

    # What containers ask of their pod

    def report(self) -> None:
        """Writes the pod's status as it is now."""
        states = [container.status for container in self.containers]
        facts = PodFacts(states, self.sandbox, self.finished, clock.now())
        meta = self.object["metadata"]

        def change(copy: Object) -> None:
            if copy["metadata"]["uid"] == self.uid:
                copy["status"] = pods.status(copy, facts)

        self.store.patch_status("Pod", meta["namespace"], meta["name"], change)

    def event(self, type_: str, reason: str, message: str, container: str = "") -> None:
        path = f"spec.containers{{{container}}}" if container else ""
        events.record(self.store, self.object, type_, reason, message, COMPONENT, field_path=path)

    def read(self, kind: str, name: str) -> Object:
        return self.store.get(kind, self.object["metadata"]["namespace"], name)

    async def drained(self, port: int) -> None:
        await self._drained(port)

    # Its life

    def update(self, pod: Object) -> None:
        """Takes note of a change of the pod: of its deletion above all."""
        self.object = pod
        if pods.is_terminating(pod):
            self.stop(pods.grace(pod))

    def stop(self, grace: float) -> None:
        for container in self.containers:
            container.stop(grace)

    async def run(self) -> None:
        if not pods.is_finished(self.object):
            if not (self.object.get("status") or {}).get("containerStatuses"):
                self.report()
            await self._prepare()
            async with asyncio.TaskGroup() as group:
                for container in self.containers:
                    group.create_task(container.run())
            self._finish()
        while not pods.is_terminating(self.object):
            self._changed.clear()
            await self._changed.wait()
        self._remove()

    def wake(self) -> None:
        self._changed.set()

    async def _prepare(self) -> None:
        await asyncio.to_thread(self.folder.make)
        self._take_ports()
        self.sandbox = True
        fresh = all("waiting" in container.status.state for container in self.containers)
        if fresh and not pods.is_terminating(self.object):
            self.report()

    def _take_ports(self) -> None:
        """A port of its own for every container that states one: as before, if its process is still there."""
        noted, given = self.folder.read_ports(), {}
        for container in self.containers:
            if not container.spec.get("ports"):
                continue
            old = noted.get(container.name)
            if old and isinstance(process.find(container.current), process.Process):
                self.ports.keep(old)
                container.port = old
            else:
                container.port = self.ports.take(old)
            given[container.name] = container.port
        if given != noted:
            self.folder.write_ports(given)

    def _finish(self) -> None:
        """Nothing runs any more: first the containers' ends are told (by then they are), then the pod's."""
        self.finished = True
        for container in self.containers:
            if not container.status.terminated and pods.is_terminating(self.object):
                container.status.ready = container.status.started = False
                container.status.state = {"terminated": _unseen()}
        self.report()

    def _remove(self) -> None:
        meta = self.object["metadata"]
        found = self.store.find("Pod", meta["namespace"], meta["name"])
        if found is not None and found["metadata"]["uid"] == self.uid:
            self.store.delete("Pod", meta["namespace"], meta["name"], uid=self.uid, grace=0)


def _unseen() -> Object:
    return {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": None,
        "finishedAt": None,
    }


class Kubelet:
    """All pods of this machine. `home` holds their folders."""

    def __init__(self, store: Store, home: Path, settings: Settings, drained: Drained) -> None:
        self.store, self.settings, self.drained = store, settings, drained
        self.folder = home / "pods"
        self.ports = Ports()
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Takes up the pods of an earlier localcluster, and ends what belongs to none."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = {pod["metadata"]["uid"] for pod in self.store.list("Pod")}
        for path in self.folder.iterdir():
            if path.name not in known:
                await asyncio.to_thread(_sweep, PodFolder(path))
        for pod in self.store.list("Pod"):
            self.observe("ADDED", "Pod", pod)

    async def stop(self) -> None:
        """Lets go of the pods; their processes go on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def observe(self, type_: str, kind: str, pod: Object) -> None:
        if kind != "Pod" or pod["spec"].get("nodeName") != pods.NODE:
            return
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if type_ == "DELETED":
            if worker:
                worker.object = pod
                worker.stop(0)
                worker.wake()
            return
        if worker is None:
            worker = PodWorker(self.store, pod, PodFolder(self.folder / uid), self.settings, self.ports, self.drained)
            self._workers[uid] = worker
            self._tasks[uid] = asyncio.get_running_loop().create_task(self._carry(worker))
        worker.update(pod)
        worker.wake()

    def port_of(self, uid: str) -> int | None:
        """The port of a pod's process, None if it has none (yet)."""
        worker = self._workers.get(uid)
        return worker.port if worker else None

    def folder_of(self, uid: str) -> PodFolder:
        return PodFolder(self.folder / uid)

    async def _carry(self, worker: PodWorker) -> None:
        while True:
            try:
                await worker.run()
                break
            except Exception:
                # A fault of ours or of the machine (no free port, no disk): what runs is found again.
                log.exception("the kubelet failed on pod %s", worker.object["metadata"]["name"])
                await asyncio.sleep(RETRY)
        self._workers.pop(worker.uid, None)
        self._tasks.pop(worker.uid, None)
        for container in worker.containers:
            if container.port is not None:
                self.ports.free(container.port)
        await asyncio.to_thread(folders.remove, worker.folder.path)


def _sweep(folder: PodFolder) -> None:
    """Ends and removes what is left of a pod that is gone."""
    for container in folder.containers():
        for number in container.numbers():
            found = process.find(container.run(number))
            if isinstance(found, process.Process):
                found.kill()
    folders.remove(folder.path)


def state_of(pod: Object, container: str) -> ContainerState | None:
    """What the pod's status says about a container, None if nothing."""
    for found in (pod.get("status") or {}).get("containerStatuses") or []:
        if found["name"] == container:
            state, last = found.get("state") or {}, found.get("lastState") or {}
            return ContainerState(container, found["image"], state, last, restart_count=found.get("restartCount", 0))
    return None
