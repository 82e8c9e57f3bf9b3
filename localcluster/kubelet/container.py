"""One container of a pod, from its image to its last exit: what the kubelet does for it, in order.

Order, reasons and words are those of the recordings crash-loop, bad-command, config-error and image-pull-error.
"""

import asyncio
import contextlib
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from localcluster import clock
from localcluster.kubelet import environment, images, messages, process
from localcluster.kubelet.folders import ContainerFolder
from localcluster.kubelet.health import Health, Reporter
from localcluster.kubelet.pods import ContainerState
from localcluster.kubelet.probes import Probe
from localcluster.kubelet.process import CannotStart, Exit, Process, Run

Object = dict[str, Any]

RUNC = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
UNABLE = f"{RUNC}unable to start container process: "
LONGEST_BACKOFF = 30
"""The longest back-off, in multiples of the first (300 s and 10 s)."""
HEALTHY_AFTER = 60
"""A run this many times as long as the first back-off starts the back-off anew (10 min)."""
QUIET_SHARE = 0.8
"""The part of the grace period that may pass before SIGTERM: preStop, and requests that are still being answered."""


class Pod(Reporter, Protocol):
    """What a container asks of its pod."""

    @property
    def object(self) -> Object: ...
    def read(self, kind: str, name: str) -> Object: ...
    async def drained(self, port: int) -> None: ...


@dataclass(frozen=True)
class Settings:
    """What all containers share: the images' folder, the lifeline's descriptor, the first back-off in seconds."""

    images: Path
    lifeline: int
    backoff: float


class Container:
    """Runs one container until it is over for good (`run`), or until the pod is deleted (`stop`)."""

    def __init__(self, pod: Pod, spec: Object, folder: ContainerFolder, settings: Settings, home: Path) -> None:
        self.pod, self.spec, self.folder, self.settings, self.home = pod, spec, folder, settings, home
        self.status = ContainerState(spec["name"], spec["image"], resources=spec.get("resources") or {})
        self.port: int | None = None
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._kill_by = float("inf")
        self._crashes = 0
        self._variables: dict[str, str] = {}

    def restore(self, noted: Object | None) -> None:
        """Takes over what an earlier localcluster noted in the pod's status."""
        if noted:
            self.status.restart_count = noted.get("restartCount", 0)
            self.status.last_state = noted.get("lastState") or {}
            self.status.state = noted.get("state") or self.status.state
            self.status.container_id, self.status.image_id = noted.get("containerID", ""), noted.get("imageID", "")
            self.status.ready, self.status.started = noted.get("ready", False), noted.get("started", False)
            self._crashes = self.status.restart_count

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def current(self) -> Run:
        return self.folder.run(self.status.restart_count)

    def stop(self, grace: float) -> None:
        """Ends it within so many seconds; called again, it can only be sooner."""
        self._kill_by = min(self._kill_by, time.monotonic() + grace)
        self._stopping.set()
        self._hurry.set()

    async def run(self) -> None:
        """Returns when the container has ended and will not be started again."""
        found = await asyncio.to_thread(process.find, self.current)
        ended: Exit | str
        while True:
            if isinstance(found, Exit):
                ended = found
            else:
                running = found or await self._start()
                if running is None:
                    return
                ended = await self._attend(running)
            if isinstance(ended, Exit):
                self._note_exit(ended)
            if not await self._again(ended):
                return
            found = None

    # Starting

    async def _start(self) -> Process | str | None:
        """A running process; the text of a failure to start; None if the pod is deleted before it could start."""
        image = await self._image()
        if image is None or not await self._configure(image):
            return None
        try:
            await asyncio.to_thread(self.folder.copy_image, image.root)
            self.pod.event("Normal", "Created", "Container created", self.name)
            started = await self._launch(image)
        except CannotStart as error:
            return self._note_start_error(_in_full(str(error)))
        except OSError as error:
            return self._note_start_error(f"{UNABLE}{error}")
        self.pod.event("Normal", "Started", "Container started", self.name)
        return started

    async def _launch(self, image: images.Image) -> Process:
        argv = environment.command(self.spec, image, self._variables)
        if not argv:
            raise CannotStart("no command specified")
        run = self.current
        self.folder.forget_before(run.number)
        cwd = self.folder.work / (self.spec.get("workingDir") or image.workdir).lstrip("/")
        self.status.image_id = self.status.image
        identity = f"{self.pod.object['metadata']['uid']}/{self.name}/{run.number}"
        started = await process.start(run, argv, self._environment(), cwd, lifeline=self.settings.lifeline)
        self.status.container_id = f"localcluster://{hashlib.sha256(identity.encode()).hexdigest()}"
        return started

    def _environment(self) -> dict[str, str]:
        """PATH and HOME, the container's own variables, and its port, whatever it says about PORT itself."""
        found = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.home), **self._variables}
        if self.port is not None:
            found["PORT"] = str(self.port)
        return found

    async def _image(self) -> images.Image | None:
        """The image; while there is none it is asked for again, with back-off. None if the pod is deleted."""
        reference, delay = self.spec["image"], self.settings.backoff
        while not self._stopping.is_set():
            try:
                image = await asyncio.to_thread(images.find, self.settings.images, reference)
            except images.InvalidName as error:
                self.pod.event("Warning", "InspectFailed", str(error), self.name)
                self._wait_for("InvalidImageName", str(error))
                await self._sleep(self.settings.backoff)
            except images.NotPulled as error:
                await self._pull_failed(reference, str(error), delay)
                delay = min(delay * 2, self.settings.backoff * LONGEST_BACKOFF)
            else:
                message = f'Container image "{reference}" already present on machine and can be accessed by the pod'
                self.pod.event("Normal", "Pulled", message, self.name)
                return image
        return None

    async def _pull_failed(self, reference: str, text: str, delay: float) -> None:
        if self.spec.get("imagePullPolicy") == "Never":
            message = f'Container image "{reference}" is not present with pull policy of Never'
            self.pod.event("Warning", "ErrImageNeverPull", message, self.name)
            self._wait_for("ErrImageNeverPull", message)
            await self._sleep(delay)
            return
        self.pod.event("Normal", "Pulling", f'Pulling image "{reference}"', self.name)
        self.pod.event("Warning", "Failed", f'Failed to pull image "{reference}": {text}', self.name)
        self._wait_for("ErrImagePull", text)
        await self._sleep(delay / 10)
        back_off = f'Back-off pulling image "{reference}"'
        self.pod.event("Normal", "BackOff", back_off, self.name)
        self._wait_for("ImagePullBackOff", f"{back_off}: ErrImagePull: {text}")
        await self._sleep(delay * 9 / 10)

    async def _configure(self, image: images.Image) -> bool:
        """Collects the variables; what is missing is asked for again. False if the pod is deleted meanwhile."""
        while not self._stopping.is_set():
            try:
                self._variables = environment.variables(self.spec, self.pod.object, image, self.pod.read)
                return True
            except environment.ConfigError as error:
                self._wait_for("CreateContainerConfigError", str(error), error=str(error))
                await self._sleep(self.settings.backoff)
        return False

    def _wait_for(self, reason: str, message: str, *, error: str = "") -> None:
        self.pod.event("Warning", "Failed", f"Error: {error or reason}", self.name)
        self.status.state = {"waiting": {"reason": reason, "message": message}}
        self.pod.report()

    def _note_start_error(self, text: str) -> str:
        self.pod.event("Warning", "Failed", f"Error: {text}", self.name)
        self.status.container_id = self.status.container_id or f"localcluster://{'0' * 64}"
        terminated = {
            "exitCode": 128,
            "reason": "StartError",
            "message": text,
            "startedAt": "1970-01-01T00:00:00Z",
            "finishedAt": clock.now(),
        }
        never = self._policy() == "Never"
        waiting = {"waiting": {"reason": "RunContainerError", "message": text}}
        self.status.state = {"terminated": terminated} if never else waiting
        self.status.last_state = {} if never else {"terminated": terminated}
        self.pod.report()
        return text

    # Running

    async def _attend(self, running: Process | str) -> Exit | str:
        """Probes it and waits for its end, which a deletion or a failed probe brings about."""
        if isinstance(running, str):
            return running
        adopted = "running" in self.status.state
        self.status.state = {"running": {"startedAt": messages.seconds(running.started_at)}}
        health = Health(self.pod, self.spec, self.status, self.port, self._run_command)
        if not adopted:
            health.begin()
        self.pod.report()
        exit_ = asyncio.ensure_future(running.ended())
        stopping = asyncio.ensure_future(self._stopping.wait())
        unhealthy = asyncio.ensure_future(health.failure())
        try:
            await _first(exit_, stopping, unhealthy)
            if not exit_.done():
                failed = unhealthy.result() if unhealthy.done() else None
                unhealthy.cancel()
                await self._shut_down(running, exit_, failed)
            return await exit_
        finally:
            for task in (unhealthy, stopping, exit_):
                task.cancel()

    async def _run_command(self, argv: list[str]) -> tuple[int, str]:
        """Runs a command beside the program, as an exec probe asks for."""
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder.work,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return 126, str(error)
        try:
            output, _ = await child.communicate()
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
        return child.returncode or 0, output[:10240].decode(errors="replace")

    async def _shut_down(self, running: Process, exit_: asyncio.Future[Exit], failed: Probe | None) -> None:
        """Ends a process: its last requests, preStop, SIGTERM, and SIGKILL when its time is over."""
        if failed is None:
            self.pod.event("Normal", "Killing", f"Stopping container {self.name}", self.name)
            quiet = asyncio.ensure_future(self._quiesce())
            limit = max(0.0, self._kill_by - time.monotonic()) * QUIET_SHARE
            await _first(quiet, exit_, within=limit)
            quiet.cancel()
        else:
            grace = self.pod.object["spec"].get("terminationGracePeriodSeconds", 30)
            self._kill_by = min(self._kill_by, time.monotonic() + (grace if failed.grace is None else failed.grace))
        running.terminate()
        while not exit_.done():
            left = self._kill_by - time.monotonic()
            if left <= 0:
                running.kill()
                break
            self._hurry.clear()
            hurry = asyncio.ensure_future(self._hurry.wait())
            await _first(exit_, hurry, within=left)
            hurry.cancel()
        if failed is not None and not self._stopping.is_set():
            self._kill_by = float("inf")

    async def _quiesce(self) -> None:
        """Runs preStop and waits for the requests that are still being answered; new ones go elsewhere already."""
        hook = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        if hook.get("sleep"):
            await asyncio.sleep(hook["sleep"].get("seconds") or 0)
        if hook.get("exec"):
            await self._run_command(hook["exec"].get("command") or [])
        if self.port is not None:
            await self.pod.drained(self.port)

    # Ended

    def _note_exit(self, ended: Exit) -> None:
        self.status.ready = self.status.started = False
        self.status.state = {"terminated": self._terminated(ended)}
        self.pod.report()

    def _terminated(self, ended: Exit) -> Object:
        reason = "Unknown" if ended.lost else "Error" if ended.code else "Completed"
        found: Object = {
            "exitCode": ended.code,
            "reason": reason,
            "startedAt": messages.seconds(ended.started_at),
            "finishedAt": messages.seconds(ended.finished_at),
            "containerID": self.status.container_id,
        }
        if ended.code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = messages.last_words(self.current.log)
            if message:
                found["message"] = message
        return found

    def _policy(self) -> str:
        return self.pod.object["spec"].get("restartPolicy") or "Always"

    async def _again(self, ended: Exit | str) -> bool:
        """Whether it is started again; waits until then."""
        failed = isinstance(ended, str) or ended.code != 0
        policy = self._policy()
        if self._stopping.is_set() or policy == "Never" or (policy == "OnFailure" and not failed):
            return False
        if isinstance(ended, Exit) and _ran_for(ended) >= self.settings.backoff * HEALTHY_AFTER:
            self._crashes = 0
        if self._crashes and not (isinstance(ended, Exit) and ended.lost):
            await self._back_off(ended)
        if self._stopping.is_set():
            return False
        self._crashes += 1
        if self.status.terminated:
            self.status.last_state = self.status.state
        self.status.restart_count += 1
        return True

    async def _back_off(self, ended: Exit | str) -> None:
        """Waits as long as it has crashed often; says so first in an Event, then in the status."""
        multiple = min(LONGEST_BACKOFF, 2 ** min(self._crashes - 1, 10))
        delay = self.settings.backoff * multiple
        meta = self.pod.object["metadata"]
        where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        event = f"Back-off restarting failed container {self.name} in pod {where}"
        until = time.monotonic() + delay
        self.pod.event("Warning", "BackOff", event, self.name)
        await self._sleep(min(1.0, delay / 10))
        self.pod.event("Warning", "BackOff", event, self.name)
        message = f"back-off {messages.duration(delay)} restarting failed container={self.name} pod={where}"
        if isinstance(ended, Exit):
            self.status.last_state = self.status.state
        self.status.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self.pod.report()
        await self._sleep(until - time.monotonic())

    async def _sleep(self, seconds: float) -> None:
        """Returns early when the pod is deleted."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(0.0, seconds))


async def _first(*futures: asyncio.Future[Any], within: float | None = None) -> None:
    """Waits until one of them is done, or the seconds are over."""
    await asyncio.wait(futures, timeout=within, return_when=asyncio.FIRST_COMPLETED)


def _in_full(text: str) -> str:
    """What runc says goes into what containerd says."""
    return f"{RUNC}{text}" if text.startswith("chdir") else f"{UNABLE}{text}"


def _ran_for(ended: Exit) -> float:
    started, finished = (clock.parse(messages.seconds(time)) for time in (ended.started_at, ended.finished_at))
    return (finished - started).total_seconds()
