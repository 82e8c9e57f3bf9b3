"""The volumes of one pod: made before its containers, kept up to date, waited for while something is missing."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any, Protocol

from localcluster.kubelet import volumes
from localcluster.kubelet.folders import PodFolder
from localcluster.kubelet.volumes import CannotMount

Object = dict[str, Any]

FIRST_RETRY = 0.5
LAST_RETRY = 122.0
"""Seconds between tries (kubelet, exponential back-off of volume operations)."""

log = logging.getLogger("localcluster")


class Pod(Protocol):
    """What is asked of the pod."""

    @property
    def object(self) -> Object: ...
    def event(self, type_: str, reason: str, message: str, path: str = "") -> None: ...
    def read(self, kind: str, name: str) -> Object: ...


class Storage:
    """`folders` has the folder of each volume, by its name."""

    def __init__(self, pod: Pod, folder: PodFolder, claims: Path) -> None:
        self.pod, self.folder, self.claims = pod, folder, claims
        self.folders = {volume["name"]: self._folder(volume) for volume in self._volumes()}
        self._appeared = asyncio.Event()
        self._writing = asyncio.Lock()

    def _volumes(self) -> list[Object]:
        return self.pod.object["spec"].get("volumes") or []

    def _folder(self, volume: Object) -> Path:
        claim = volume.get("persistentVolumeClaim")
        if claim:
            return self.claims / self.pod.object["metadata"]["namespace"] / claim.get("claimName", "")
        return self.folder.volume(volume["name"])

    async def prepare(self, stopping: asyncio.Event, *, patient: bool) -> bool:
        """Makes all volumes, and waits until it can; False if the pod is deleted meanwhile.

        Without patience (the containers run already) it is tried once.
        """
        delay = FIRST_RETRY
        while not stopping.is_set():
            self._appeared.clear()
            faults = [fault for volume in self._volumes() if (fault := await self._make(volume))]
            for fault in faults:
                self.pod.event("Warning", "FailedMount", fault)
            if not faults or not patient:
                return True
            await _first(stopping, self._appeared, within=delay)
            delay = min(delay * 2, LAST_RETRY)
        return False

    def notice(self, kind: str, name: str) -> bool:
        """Whether an object that has changed is in one of the volumes; a wait for it ends."""
        claimed = kind == "PersistentVolumeClaim" and name in claims_of(self.pod.object)
        found = claimed or any(volumes.reads(volume, kind, name) for volume in self._volumes())
        if found:
            self._appeared.set()
        return found and not claimed

    async def refresh(self) -> None:
        """Writes what has changed. What is missing by now stays as it was."""
        for volume in self._volumes():
            if any(volume.get(kind) is not None for kind in volumes.WRITTEN):
                await self._make(volume)

    async def _make(self, volume: Object) -> str:
        """The text of a failure, if any."""
        folder = self.folder.volume(volume["name"])
        try:
            async with self._writing:
                await asyncio.to_thread(volumes.prepare, volume, folder, self.claims, self.pod.object, self.pod.read)
        except CannotMount as error:
            return str(error)
        return ""


def claims_of(pod: Object) -> set[str]:
    """The names of the claims that a pod mounts."""
    mounted = (volume.get("persistentVolumeClaim") or {} for volume in pod["spec"].get("volumes") or [])
    return {claim["claimName"] for claim in mounted if claim.get("claimName")}


async def _first(*happenings: asyncio.Event, within: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in happenings]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
