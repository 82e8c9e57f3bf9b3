"""The states of an ended container, as the API tells them (recordings crash-loop, oom-killed, bad-command)."""

from pathlib import Path
from typing import Any

from localcluster.kubelet import last_words as words
from localcluster.kubelet.facts import ContainerState
from localcluster.kubelet.messages import seconds
from localcluster.kubelet.process import Exit
from localcluster.kubelet.volumes import CannotMount

Object = dict[str, Any]

START_ERROR = 128
NEVER = "1970-01-01T00:00:00Z"
RUNC = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
UNABLE = f"{RUNC}unable to start container process: "


def in_full(error: Exception) -> str:
    """A fault of a start: what runc says goes into what containerd says."""
    text = str(error)
    return f"{RUNC}{text}" if text.startswith("chdir") or isinstance(error, CannotMount) else f"{UNABLE}{text}"


def reason(ended: Exit) -> str:
    if ended.lost:
        return "Unknown"
    if ended.out_of_memory:
        return "OOMKilled"
    return "Error" if ended.code else "Completed"


def terminated(ended: Exit, container_id: str, message: str) -> Object:
    found: Object = {
        "exitCode": ended.code,
        "reason": reason(ended),
        "startedAt": seconds(ended.started_at),
        "finishedAt": seconds(ended.finished_at),
        "containerID": container_id,
    }
    if message:
        found["message"] = message
    return {"terminated": found}


def note_start_error(status: ContainerState, ended: Exit, *, for_good: bool) -> None:
    """A container that could not be started waits, and its failure is its last state, unless it was the last try."""
    found = {
        "exitCode": ended.code,
        "reason": "StartError",
        "message": ended.start_error,
        "startedAt": NEVER,
        "finishedAt": ended.finished_at,
        "containerID": status.container_id,
    }
    if for_good:
        status.state = {"terminated": found}
    else:
        status.state = {"waiting": {"reason": "RunContainerError", "message": ended.start_error}}
        status.last_state = {"terminated": found}


def last_words(spec: Object, ended: Exit, file: Path, log: Path) -> str:
    """The message of a container's end, by its terminationMessagePolicy."""
    if ended.lost:
        return ""
    found = words.of_file(file)
    if not found and ended.code and spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        found = words.of_log(log)
    return found


def unseen() -> Object:
    """The state of a container that never ran, once its pod is gone (recording job-bad-image)."""
    found = {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": None,
        "finishedAt": None,
    }
    return {"terminated": found}
