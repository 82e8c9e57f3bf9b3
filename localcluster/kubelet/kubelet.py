"""The kubelet: runs the pods that are bound to this machine, and reports how they are."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from localcluster.kubelet import folders, pods, process, storage
from localcluster.kubelet.claims import Claims
from localcluster.kubelet.container import Settings
from localcluster.kubelet.folders import PodFolder
from localcluster.kubelet.ports import Ports
from localcluster.kubelet.worker import Drained, Machine, PodWorker
from localcluster.store.store import Store

Object = dict[str, Any]

RETRY = 1.0

log = logging.getLogger("localcluster")


class Kubelet:
    """All pods of this machine. `home` holds their folders, and those of the persistent volume claims."""

    def __init__(self, store: Store, home: Path, settings: Settings, drained: Drained) -> None:
        self.store, self.settings = store, settings
        self.folder = home / "pods"
        self.claims = Claims(home / "volumes")
        self.machine = Machine(store, settings, Ports(), self.claims.folder, drained)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._chores: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Takes up the pods of an earlier localcluster, and ends what belongs to none."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = {pod["metadata"]["uid"] for pod in self.store.list("Pod")}
        for path in self.folder.iterdir():
            if path.name not in known:
                await asyncio.to_thread(_sweep, PodFolder(path))
        claimed = self.store.list("PersistentVolumeClaim")
        named = {(claim["metadata"]["namespace"], claim["metadata"]["name"]) for claim in claimed}
        await asyncio.to_thread(self.claims.sweep, named)
        self._do(self.settings.memory.run())
        for pod in self.store.list("Pod"):
            self.observe("ADDED", "Pod", pod)

    async def stop(self) -> None:
        """Lets go of the pods; their processes go on."""
        tasks = [*self._tasks.values(), *self._chores]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        """Hears of every change of an object."""
        if kind == "Pod":
            self._observe_pod(type_, obj)
        elif kind in ("Secret", "ConfigMap", "PersistentVolumeClaim"):
            self._observe_source(type_, kind, obj["metadata"]["namespace"], obj["metadata"]["name"])

    def _observe_pod(self, type_: str, pod: Object) -> None:
        if pod["spec"].get("nodeName") != pods.NODE:
            return
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if type_ == "DELETED":
            if worker:
                worker.update(pod)
                worker.stop(0)
            return
        if worker is None:
            worker = PodWorker(pod, PodFolder(self.folder / uid), self.machine)
            self._workers[uid] = worker
            self._tasks[uid] = asyncio.get_running_loop().create_task(self._carry(worker))
        worker.update(pod)

    def _observe_source(self, type_: str, kind: str, namespace: str, name: str) -> None:
        if type_ == "DELETED":
            if kind == "PersistentVolumeClaim":
                self._forget_claim(namespace, name)
            return
        for worker in self._workers.values():
            if worker.namespace == namespace and worker.storage.notice(kind, name):
                self._do(worker.storage.refresh())

    def port_of(self, uid: str) -> int | None:
        """The port of a pod's process, None if it has none (yet)."""
        worker = self._workers.get(uid)
        return worker.port if worker else None

    def cpu_seconds(self, uid: str) -> float | None:
        """Seconds of CPU that the processes of a pod have used so far, None when none runs."""
        worker = self._workers.get(uid)
        shims = [shim for container in worker.all_containers if (shim := container.shim)] if worker else []
        if not shims:
            return None
        sizes = self.settings.memory.recent()
        return sum(sizes.seconds.get(pid, 0.0) for shim in shims for pid in sizes.below(shim))

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
        worker.free_ports()
        for name in storage.claims_of(worker.object):
            if self.store.find("PersistentVolumeClaim", worker.namespace, name) is None:
                self._forget_claim(worker.namespace, name)
        await asyncio.to_thread(folders.remove, worker.folder.path)

    def _forget_claim(self, namespace: str, name: str) -> None:
        """Removes the folder of a claim that is gone, once no pod uses it any more."""
        if any(worker.uses_claim(namespace, name) for worker in self._workers.values()):
            return
        aside = self.claims.put_aside(namespace, name)
        if aside:
            self._do(asyncio.to_thread(folders.remove, aside))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _sweep(folder: PodFolder) -> None:
    """Ends and removes what is left of a pod that is gone."""
    for container in folder.containers():
        for number in container.numbers():
            found = process.find(container.run(number))
            if isinstance(found, process.Process):
                found.kill()
    folders.remove(folder.path)
