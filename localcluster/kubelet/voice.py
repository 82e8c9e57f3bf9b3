"""How a container speaks of itself: Events about it, and its status while it waits."""

import asyncio
import contextlib
from typing import Any, Protocol

from localcluster.kubelet.facts import ContainerState

Object = dict[str, Any]


class Reporter(Protocol):
    """Tells the world about a pod."""

    @property
    def object(self) -> Object: ...
    def report(self) -> None: ...
    def event(self, type_: str, reason: str, message: str, path: str = "") -> None: ...


class Voice:
    """One container's. `stopping` ends its waits."""

    def __init__(self, pod: Reporter, status: ContainerState, *, init: bool = False) -> None:
        self.pod, self.status = pod, status
        self.stopping = asyncio.Event()
        self._path = f"spec.{'initContainers' if init else 'containers'}{{{status.name}}}"

    @property
    def name(self) -> str:
        return self.status.name

    def tell(self, reason: str, message: str, *, warning: bool = False) -> None:
        """An Event about the container."""
        self.pod.event("Warning" if warning else "Normal", reason, message, self._path)

    def wait_for(self, reason: str, message: str) -> None:
        """Says in the status what the container waits for."""
        self.status.ready = self.status.started = False
        self.status.state = {"waiting": {"reason": reason, "message": message}}
        self.pod.report()

    async def sleep(self, seconds: float) -> None:
        """Returns early when the pod is deleted."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
