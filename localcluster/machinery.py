"""Everything that acts on the objects: the controllers, the kubelet and the door, on the API's event loop."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from localcluster import errors
from localcluster.controllers import roster
from localcluster.controllers.surroundings import Surroundings
from localcluster.door.door import Door
from localcluster.door.routes import Routes
from localcluster.kubelet import kubelet, pods
from localcluster.kubelet.container import Settings
from localcluster.kubelet.memory import MemoryWatch
from localcluster.store import events
from localcluster.store.store import Store

EXPIRY_INTERVAL = 60.0

log = logging.getLogger("localcluster")


class Machinery:
    """Starts and stops them. `lifeline` is the read end of a pipe that a supervisor holds; without it, we hold one."""

    def __init__(
        self,
        store: Store,
        *,
        home: Path,
        images: Path,
        door_port: int,
        lifeline: int | None = None,
        restart_backoff: float = 10.0,
    ) -> None:
        self.store = store
        # The write end of a pipe of our own closes when we end, however that happens.
        descriptor = os.pipe()[0] if lifeline is None else lifeline
        settings = Settings(images, descriptor, restart_backoff, MemoryWatch())
        self.kubelet = kubelet.Kubelet(store, home, settings, lambda port: self.door.drained(port))
        surroundings = Surroundings(home / "credentials" / "ca.crt", restart_backoff, self.kubelet.cpu_seconds)
        self.controllers = roster.all_of(store, surroundings)
        self.door = Door(Routes(store, self.kubelet.port_of), door_port)
        self._subscriptions: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Opens the door, then sets everything to work. Raises OSError when the door's port is in use."""
        await self.door.start()
        # The garbage collector must know all owners before anything changes.
        for controller in self.controllers:
            self._subscriptions.append(self.store.subscribe(controller.observe))
        self._subscriptions.append(self.store.subscribe(self.kubelet.observe))
        await self.kubelet.start()
        runs = [controller.run() for controller in self.controllers]
        self._tasks = [asyncio.create_task(run) for run in [*runs, self._expire_events()]]

    async def stop(self) -> None:
        """Stops acting at once; the processes of the pods go on."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.kubelet.stop()
        await self.door.stop()

    async def _expire_events(self) -> None:
        while True:
            try:
                events.expire(self.store)
            except Exception:
                log.exception("old Events could not be removed")
            await asyncio.sleep(EXPIRY_INTERVAL)

    def read_log(self, namespace: str, pod: str, container: str | None = None, *, previous: bool = False) -> Path:
        """The log file of a container's present or previous run; what was cut off it is beside it as `<name>.1`.

        container may be left out when there is only one. Raises StatusError as the API server words it (errors.jsonl).
        """
        found = self.store.get("Pod", namespace, pod)
        name = _container_name(found, container)
        status = _status_of(found, name)
        folder = self.kubelet.folder_of(found["metadata"]["uid"]).container(name)
        number = status.get("restartCount", 0)
        if previous:
            # While it waits to be restarted, the run that has ended last is the previous one.
            ended = number if "waiting" in (status.get("state") or {}) else number - 1
            path = folder.run(ended).log
            if not status.get("lastState") or not path.exists():
                raise errors.BadRequest(f'previous terminated container "{name}" in pod "{pod}" not found')
            return path
        for run in (number, number - 1):
            path = folder.run(run).log
            if run >= 0 and path.exists():
                return path
        raise errors.BadRequest(f'container "{name}" in pod "{pod}" is waiting to start: {_waiting_reason(status)}')


def _container_name(pod: pods.Object, container: str | None) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [found["name"] for found in spec["containers"]]
    init = [found["name"] for found in spec.get("initContainers") or []]
    if container:
        if container not in (*names, *init):
            raise errors.BadRequest(f"container {container} is not valid for pod {name}")
        return container
    if len(names) > 1:
        choice = f"choose one of: [{' '.join(names)}]"
        if init:
            choice += f" or one of the init containers: [{' '.join(init)}]"
        raise errors.BadRequest(f"a container name must be specified for pod {name}, {choice}")
    return str(names[0])


def _status_of(pod: pods.Object, container: str) -> pods.Object:
    """What the pod's status says about a container."""
    status = pod.get("status") or {}
    found = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((each for each in found if each["name"] == container), {})


def _waiting_reason(status: pods.Object) -> str:
    reason = str(((status.get("state") or {}).get("waiting") or {}).get("reason") or "ContainerCreating")
    return {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
        "InvalidImageName": "image name is invalid",
        "ErrImageNeverPull": "image isn't present with pull policy of Never",
    }.get(reason, reason)
