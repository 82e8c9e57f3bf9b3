"""Read one process (a pod, as the cluster reports it): which release, how often it exited, what ails it. Pure.

Verdicts, diagnoses and pages share this reading, so that they never disagree.
"""

from dataclasses import dataclass
from typing import Any

from releases.pipeline import manifests

Object = dict[str, Any]
EVICTED = {"Evicted", "Preempting", "NodeShutdown", "Terminated", "NodeLost", "UnexpectedAdmissionError"}
PULL_REASONS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
CONFIG_REASONS = {"CreateContainerConfigError"}
START_REASONS = {"RunContainerError", "StartError", "CreateContainerError", "ContainerCannotRun", "PostStartHookError"}
SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}


@dataclass(frozen=True)
class Ailment:
    """What keeps a container from running. `family`: pull, config or start; the rest is the cluster's own."""

    family: str
    reason: str
    message: str


def name(pod: Object) -> str:
    return pod["metadata"]["name"]


def uid(pod: Object) -> str:
    return pod["metadata"]["uid"]


def release(pod: Object) -> str:
    return pod["metadata"]["labels"].get(manifests.RELEASE, "")


def service(pod: Object) -> str:
    return pod["metadata"]["labels"].get(manifests.SERVICE, "")


def is_going(pod: Object) -> bool:
    """Being deleted, or put off its node: no fault of the release."""
    status = pod.get("status", {})
    disrupted = any(
        condition["type"] == "DisruptionTarget" and condition["status"] == "True"
        for condition in status.get("conditions") or []
    )
    return "deletionTimestamp" in pod["metadata"] or status.get("reason") in EVICTED or disrupted


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def container(pod: Object) -> Object:
    """The status of the container that we wrote; {} before the node has reported."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((status for status in statuses if status["name"] == manifests.CONTAINER), {})


def exits(pod: Object) -> int:
    """How often the container has ended, those that the cluster has restarted already and the last one."""
    status = container(pod)
    state = status.get("state") or {}
    ended = "terminated" in state or ("waiting" in state and bool((status.get("lastState") or {}).get("terminated")))
    return status.get("restartCount", 0) + int(ended)


def last_exit(pod: Object) -> Object:
    """The newest `terminated` state, or {}."""
    status = container(pod)
    return (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated") or {}


def ailment(pod: Object) -> Ailment | None:
    status = container(pod)
    waiting = (status.get("state") or {}).get("waiting") or {}
    ended = last_exit(pod)
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if ended.get("reason") in START_REASONS and reason not in PULL_REASONS | CONFIG_REASONS:
        return Ailment("start", ended["reason"], ended.get("message", message))
    for family, reasons in (("pull", PULL_REASONS), ("config", CONFIG_REASONS), ("start", START_REASONS)):
        if reason in reasons:
            return Ailment(family, reason, message)
    return None


def exit_words(ended: Object) -> str:
    """`exited with 3`, `was killed for using more memory than its limit`, `was ended by SIGSEGV (139)`."""
    code = ended.get("exitCode", 0)
    if ended.get("reason") == "OOMKilled":
        return f"was killed for using more memory than its limit (exit code {code})"
    if code > 128 and code - 128 in SIGNALS:
        return f"was ended by {SIGNALS[code - 128]} (exit code {code})"
    return f"exited with {code}"


def state(pod: Object, *, exits_before: int = 0) -> str:
    """In a page's words: ready, starting, broken or stopping."""
    if is_going(pod):
        return "stopping"
    if is_ready(pod):
        return "ready"
    return "broken" if ailment(pod) or exits(pod) > exits_before else "starting"
