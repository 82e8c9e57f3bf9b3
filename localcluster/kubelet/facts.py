"""What the kubelet knows of a pod and its containers, from which the pod's status is made."""

import os
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

USER = {"uid": os.getuid(), "gid": os.getgid(), "supplementalGroups": sorted({os.getgid(), *os.getgroups()})}
"""Whose rights containers have: those of whoever runs localcluster."""


@dataclass
class ContainerState:
    """What the kubelet knows of one container; `state` and `last_state` are ContainerStates of the API."""

    name: str
    image: str
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restart_count: int = 0
    image_id: str = ""
    container_id: str = ""
    resources: Object = field(default_factory=dict)
    mounts: list[Object] = field(default_factory=list)
    sidecar: bool = False
    """An init container that stays."""
    first_reason: str = "ContainerCreating"
    """What it waits for before it has ever been started."""

    def expect(self, reason: str) -> None:
        """Says what it waits for before it has ever been started."""
        self.first_reason, self.state = reason, {"waiting": {"reason": reason}}

    @property
    def terminated(self) -> Object | None:
        return self.state.get("terminated")

    def body(self) -> Object:
        status: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "restartCount": self.restart_count,
            "image": self.image,
            "imageID": self.image_id,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        status["started"] = self.started
        if self.container_id:
            if self.resources.get("requests"):
                status["allocatedResources"] = self.resources["requests"]
            status["resources"] = self.resources
        if self.mounts:
            status["volumeMounts"] = self.mounts
        if self.container_id:
            status["user"] = {"linux": USER}
        return status


@dataclass(frozen=True)
class PodFacts:
    """What a pod's status is made of, apart from the pod itself."""

    containers: list[ContainerState]
    sandbox: bool
    """Whether the pod's folder and port are there (PodReadyToStartContainers)."""
    finished: bool = False
    """Nothing runs any more and nothing will be started."""
    now: str = ""
    init: list[ContainerState] = field(default_factory=list)
    """The init containers, in order."""
    overdue: bool = False
    """It was ended because of its activeDeadlineSeconds."""
