"""One container of a pod, from its image to its last exit: what the kubelet does for it, in order.

Order, reasons and words are those of the recordings crash-loop, bad-command, config-error and image-pull-error.
"""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from localcluster import clock
from localcluster.kubelet import (
    ending,
    images,
    mounts,
    ports,
    preparation,
    process,
    pulling,
    restarts,
    shares,
    states,
)
from localcluster.kubelet.attendance import Attendance
from localcluster.kubelet.backoff import Backoff
from localcluster.kubelet.environment import ConfigError
from localcluster.kubelet.facts import ContainerState
from localcluster.kubelet.folders import ContainerFolder
from localcluster.kubelet.memory import MemoryWatch
from localcluster.kubelet.probes import Target
from localcluster.kubelet.process import CannotStart, Exit, Process, Run
from localcluster.kubelet.voice import Reporter, Voice
from localcluster.kubelet.volumes import CannotMount

Object = dict[str, Any]

MAIN, INIT, SIDECAR = "main", "init", "sidecar"


class Pod(Reporter, Protocol):
    """What a container asks of its pod."""

    @property
    def volumes(self) -> dict[str, Path]: ...
    def read(self, kind: str, name: str) -> Object: ...
    def lost(self) -> None: ...
    def note_end(self) -> None: ...
    async def drained(self, port: int) -> None: ...


@dataclass(frozen=True)
class Settings:
    """What all containers share: the images' folder, the lifeline's descriptor, the first back-off in seconds."""

    images: Path
    lifeline: int
    backoff: float
    memory: MemoryWatch


class Container:
    """Runs one container until it is over for good (`run`), or until the pod is deleted (`stop`).

    `role` is `main`, `init` (has to end well before the next one starts) or `sidecar` (an init container that stays).
    """

    def __init__(
        self, pod: Pod, spec: Object, folder: ContainerFolder, settings: Settings, home: Path, role: str = MAIN
    ) -> None:
        self.pod, self.spec, self.folder, self.settings, self.home = pod, spec, folder, settings, home
        self.role = role
        self.status = ContainerState(spec["name"], spec["image"], resources=spec.get("resources") or {})
        self.status.mounts = shares.of_mounts(spec)
        self.status.sidecar = role == SIDECAR
        self.voice = Voice(pod, self.status, init=role != MAIN)
        self.port: int | None = None
        self.started = asyncio.Event()
        """Set once it has started as its startup probe means it."""
        self.deadline = ending.Deadline()
        self.restarts = restarts.Restarts(self._policy(), Backoff(folder.crashes, settings.backoff), self.voice)
        self._surroundings = preparation.Surroundings(folder.work)
        self._running: Process | None = None

    def restore(self, noted: Object | None) -> None:
        """Takes over what an earlier localcluster noted in the pod's status."""
        if noted:
            self.status.restart_count = noted.get("restartCount", 0)
            self.status.last_state = noted.get("lastState") or {}
            self.status.state = noted.get("state") or self.status.state
            self.status.container_id, self.status.image_id = noted.get("containerID", ""), noted.get("imageID", "")
            self.status.ready, self.status.started = noted.get("ready", False), noted.get("started", False)

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def current(self) -> Run:
        return self.folder.run(self.status.restart_count)

    @property
    def shim(self) -> int | None:
        """The process id of its keeper, below which all its processes are; None when it does not run."""
        return self._running.shim if self._running else None

    @property
    def is_stopping(self) -> bool:
        return self.voice.stopping.is_set()

    def stop(self, grace: float) -> None:
        """Ends it within so many seconds; called again, it can only be sooner."""
        self.deadline.bring_forward(grace)
        self.voice.stopping.set()

    def _policy(self) -> str:
        stated = self.pod.object["spec"].get("restartPolicy") or "Always"
        if self.role == SIDECAR:
            return "Always"
        return "OnFailure" if self.role == INIT and stated == "Always" else str(stated)

    async def run(self) -> None:
        """Returns when the container has ended and will not be started again."""
        found = await self._find()
        ended = None if isinstance(found, Process) else restarts.resumed(self.voice)
        if ended is None and isinstance(found, Exit):
            ended = found
            self._note_exit(ended)
        running = found if isinstance(found, Process) else None
        while True:
            if ended is None:
                start = running or await self._start()
                if start is None:
                    return
                if isinstance(start, Exit):
                    ended = start
                    self._note_exit(ended)
                else:
                    ended = await self._attend(start, adopted=running is not None)
            if not await self.restarts.again(ended):
                return
            ended = running = None

    async def _find(self) -> Process | Exit | None:
        """What an earlier localcluster started, also if it was killed before it could tell of it."""
        newer = await asyncio.to_thread(process.find, self.folder.run(self.status.restart_count + 1))
        if newer is None:
            return await asyncio.to_thread(process.find, self.current)
        if self.status.terminated:
            self.status.last_state = self.status.state
        self.status.restart_count += 1
        self.status.state = {"waiting": {"reason": self.status.first_reason}}
        return newer

    # Starting

    async def _start(self) -> Process | Exit | None:
        """A running process; why it could not be started; None if the pod is deleted before it could start."""
        policy = self.spec.get("imagePullPolicy") or "IfNotPresent"
        pulls = Backoff(self.folder.pulls, self.settings.backoff)
        while True:
            image = await pulling.pulled(self.spec["image"], policy, self.settings.images, pulls, self.voice)
            if image is None:
                return None
            if self._configure():
                break
            await self.voice.sleep(self.settings.backoff)
        try:
            await asyncio.to_thread(self.folder.copy_image, image.root)
            self.voice.tell("Created", "Container created")
            started = await self._launch(image)
        except (CannotStart, CannotMount, OSError) as error:
            text = states.in_full(error)
            self.voice.tell("Failed", f"Error: {text}", warning=True)
            return Exit(states.START_ERROR, states.NEVER, clock.now(), start_error=text)
        self.voice.tell("Started", "Container started")
        return started

    async def _launch(self, image: images.Image) -> Process:
        run = self.current
        self.folder.forget_before(run.number)
        where = self._surroundings = preparation.with_image(self._surroundings, self.spec, image)
        argv = preparation.command(self.spec, image, where)
        run.message.touch(mode=0o600)
        await asyncio.to_thread(mounts.place, where.mounts, self.folder.work)
        with contextlib.suppress(OSError):  # the shim says what is wrong with it
            where.folder.mkdir(parents=True, exist_ok=True)
        self.status.image_id = self.status.image
        started = await process.start(run, argv, where.variables, where.folder, lifeline=self.settings.lifeline)
        self.status.container_id = self._identity()
        return started

    def _identity(self) -> str:
        text = f"{self.pod.object['metadata']['uid']}/{self.name}/{self.current.number}"
        return f"localcluster://{hashlib.sha256(text.encode()).hexdigest()}"

    def _configure(self) -> bool:
        """Collects the variables; False, and said so, when something is missing."""
        try:
            self._surroundings = self._collect()
        except (ConfigError, CannotMount) as error:
            self.voice.tell("Failed", f"Error: {error}", warning=True)
            self.voice.wait_for("CreateContainerConfigError", str(error))
            return False
        return True

    def _collect(self) -> preparation.Surroundings:
        return preparation.surroundings(self.spec, self.pod, self.current, self.folder.work, self.home, self.port)

    # Running

    async def _attend(self, running: Process, *, adopted: bool) -> Exit:
        """Probes it and waits for its end, which a deletion or a failed probe brings about."""
        if adopted:
            self._adopt(running)
        target = Target(self.port, ports.names(self.spec), self._surroundings.run)
        run = Attendance(self.pod, self.spec, self.voice, target, self.deadline, self.started)
        self._running = running
        try:
            with self.settings.memory.limit(running, shares.memory_limit(self.spec)):
                ended = await run.until_end(running)
        finally:
            self._running = None
        self._note_exit(ended, told=not run.put_down)
        return ended

    def _adopt(self, running: Process) -> None:
        """Commands beside the program run in the environment that it was started with."""
        try:
            found = self._collect()
        except (ConfigError, CannotMount):
            found = self._surroundings
        self._surroundings = preparation.adopted(found, running, self.spec, self.settings.images)

    # Ended

    def _note_exit(self, ended: Exit, *, told: bool = True) -> None:
        """What a failed probe has ended is told only with what comes of it (recording liveness-failing)."""
        self.status.started = False
        self.status.ready = self.role == INIT and ended.code == 0
        if ended.start_error:
            self.status.container_id = self.status.container_id or self._identity()
            states.note_start_error(self.status, ended, for_good=self.restarts.over(ended))
        else:
            message = states.last_words(self.spec, ended, self._message_file(), self.current.log)
            self.status.state = states.terminated(ended, self.status.container_id, message)
        if ended.lost:
            self.pod.lost()
        if told or self.restarts.over(ended):
            self.pod.note_end()

    def _message_file(self) -> Path:
        found = self._surroundings.message
        return found if found != Path("/dev/null") else self.current.message

    def give_up(self) -> None:
        """Says how it stands with a container that is deleted while it waits: as it last ended, or as new."""
        if "waiting" in self.status.state:
            last = self.status.last_state
            self.status.state = dict(last) if last else {"waiting": {"reason": self.status.first_reason}}
