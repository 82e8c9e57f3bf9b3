"""Read one process (a pod, as the cluster reports it): which release, how often it exited, what ails it. Pure.

Verdicts, diagnoses and pages share this reading, so that they never disagree. `ours` names the containers that we
wrote: what a mesh or a webhook adds to a pod is nobody's release. Any field may be missing or null.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from releases.pipeline import manifests

Object = dict[str, Any]
OURS = frozenset({manifests.CONTAINER, manifests.INIT_CONTAINER})
EVICTED = {
    "Evicted",
    "NodeLost",
    "NodeShutdown",
    "Preempting",
    "Shutdown",
    "Terminated",
    "UnexpectedAdmissionError",
}
PULL_REASONS = {
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
CONFIG_REASONS = {"CreateContainerConfigError", "VerifyNonRootError"}
START_REASONS = {
    "ContainerCannotRun",
    "CreateContainerError",
    "PostStartHookError",
    "PreCreateHookError",
    "PreStartHookError",
    "RunContainerError",
    "StartError",
}
# The program did not end: it never began, or the node lost sight of it.
NOT_ENDED = START_REASONS | {"ContainerStatusUnknown"}
SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}


@dataclass(frozen=True)
class Ailment:
    """What keeps a container from running. `family`: pull, config or start; the rest is the cluster's own."""

    family: str
    reason: str
    message: str
    container: str = manifests.CONTAINER
    image: str = ""


def name(pod: Object) -> str:
    return pod["metadata"]["name"]


def uid(pod: Object) -> str:
    return pod["metadata"]["uid"]


def release(obj: Object) -> str:
    return (obj["metadata"].get("labels") or {}).get(manifests.RELEASE, "")


def service(obj: Object) -> str:
    return (obj["metadata"].get("labels") or {}).get(manifests.SERVICE, "")


def run_of(obj: Object) -> str:
    """The service whose image and place a one-off process has; "" of what is none."""
    return (obj["metadata"].get("labels") or {}).get(manifests.RUN, "")


def status(obj: Object) -> Object:
    return obj.get("status") or {}


def condition(obj: Object, wanted: str) -> Object:
    """The condition of type `wanted`, or {}."""
    return next((item for item in status(obj).get("conditions") or [] if item.get("type") == wanted), {})


def has(obj: Object, wanted: str) -> bool:
    return condition(obj, wanted).get("status") == "True"


def is_going(pod: Object) -> bool:
    """Being deleted, or put off its node: no fault of the release."""
    return is_ending(pod) or status(pod).get("reason") in EVICTED or has(pod, "DisruptionTarget")


def is_ending(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def is_over(pod: Object) -> bool:
    """A process of a service is restarted for ever: one that is over was put off its node, or never let in there."""
    return status(pod).get("phase") in ("Failed", "Succeeded")


def is_ready(pod: Object) -> bool:
    return has(pod, "Ready")


def container(pod: Object, wanted: str = manifests.CONTAINER) -> Object:
    """The status of the container `wanted`; {} before the node has reported."""
    return next((found for found, _ in statuses(pod, {wanted})), {})


def exits(pod: Object, *, ours: Collection[str] = OURS) -> int:
    """How often containers of ours have ended, those that the cluster has restarted already and the last ones."""
    return sum(_exits(found, init) for found, init in statuses(pod, ours))


def last_exit(pod: Object, *, ours: Collection[str] = OURS) -> Object:
    """The newest `terminated` state of the container that fails, or {}."""
    return _ended(container(pod, failing(pod, ours=ours)))


def failing(pod: Object, *, ours: Collection[str] = OURS) -> str:
    """The name of the container that has ended: of several, one that is not running again; else the main one."""
    ended = [found for found, init in statuses(pod, ours) if _exits(found, init)]
    ended.sort(key=lambda found: _is(found, "running"))
    return ended[0].get("name", "") if ended else _main(ours)


def ended_before(pod: Object, wanted: str = manifests.CONTAINER) -> bool:
    """Whether the last words of `wanted` are those of its previous run: it has ended, and another run began."""
    found = container(pod, wanted)
    return bool((found.get("lastState") or {}).get("terminated")) and not (found.get("state") or {}).get("terminated")


def ended_run(pod: Object, wanted: str = manifests.CONTAINER) -> str:
    """Which run of `wanted` has ended and is not followed by another yet: its ID, or when; "" if none is."""
    ended = (container(pod, wanted).get("state") or {}).get("terminated") or {}
    return ended.get("containerID") or ended.get("finishedAt") or ""


def kept_words(pod: Object, wanted: str = manifests.CONTAINER) -> list[str]:
    """The lines that the cluster itself has kept of the last end of `wanted`: of one that failed, 2048 bytes."""
    ended = _ended(container(pod, wanted))
    kept = "" if ended.get("reason") in NOT_ENDED else ended.get("message") or ""
    return [line.strip() for line in kept.splitlines() if line.strip()]


def ailment(pod: Object, *, ours: Collection[str] = OURS) -> Ailment | None:
    """The first container of ours that can't run, in the order in which the cluster starts them."""
    return next((found for found in (_ailment(item) for item, _ in statuses(pod, ours)) if found), None)


def runs(pod: Object, *, ours: Collection[str] = OURS) -> bool:
    """Whether a container of ours was got to run: what ailed it before is over."""
    return any(
        _is(found, "running") or (_is(found, "terminated") and _ended(found).get("reason") not in NOT_ENDED)
        for found, _ in statuses(pod, ours)
    )


def preparing(pod: Object, *, ours: Collection[str] = OURS) -> str:
    """The name of the init container of ours that is running; "" when none is."""
    running = [found for found, init in statuses(pod, ours) if init and _is(found, "running")]
    return running[0].get("name", "") if running else ""


def waiting_words(pod: Object, *, ours: Collection[str] = OURS) -> str:
    """Why the cluster says that a container waits, `reason: message`; "" when it does not."""
    for found, _ in statuses(pod, ours):
        waiting = (found.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return ": ".join(text for text in (waiting["reason"], waiting.get("message")) if text)
    return ""


def exit_words(ended: Object) -> str:
    """`exited with 3`, `was killed for using more memory than its limit`, `was ended by SIGSEGV (139)`."""
    code = ended.get("exitCode") or 0
    if ended.get("reason") == "OOMKilled":
        return f"was killed for using more memory than its limit (exit code {code})"
    if ended.get("reason") == "Unknown":  # so kubelets say of what they find dead when they begin
        return f"ended when its node or the node's container runtime was started again (exit code {code})"
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


def state_words(pod: Object) -> str:
    """With what the cluster says about it: `starting: ContainerCreating`, `broken: exited with 3`."""
    if is_going(pod) or is_ready(pod):
        return state(pod)
    ended = last_exit(pod)
    if is_over(pod) and ended:
        return f"ended: {exit_words(ended)}"
    found = ailment(pod)
    unplaced = condition(pod, "PodScheduled")
    about = (
        (": ".join(filter(None, (found.reason, found.message))) if found else "")
        or (exit_words(ended) if ended else "")
        or waiting_words(pod)
        or ((unplaced.get("message") or "") if unplaced.get("status") == "False" else "")
    )
    return f"{state(pod)}: {about}" if about else state(pod)


def statuses(pod: Object, wanted: Collection[str]) -> list[tuple[Object, bool]]:
    """The containers of those names, each with whether it is an init container; in the order of starting."""
    found = status(pod)
    init = [(item, True) for item in found.get("initContainerStatuses") or []]
    main = [(item, False) for item in found.get("containerStatuses") or []]
    return [(item, is_init) for item, is_init in init + main if item and item.get("name") in wanted]


def _main(ours: Collection[str]) -> str:
    return manifests.CONTAINER if manifests.CONTAINER in ours else next(iter(sorted(ours)), "")


def _is(found: Object, state: str) -> bool:
    return (found.get("state") or {}).get(state) is not None


def _ended(found: Object) -> Object:
    return (found.get("state") or {}).get("terminated") or (found.get("lastState") or {}).get("terminated") or {}


def _exits(found: Object, init: bool) -> int:
    now, ended = found.get("state") or {}, _ended(found)
    if init and ended and not ended.get("exitCode"):
        return 0  # that is what it is for
    # While the next run waits, the cluster has not counted the last one yet.
    uncounted = bool(now.get("terminated")) or (_is(found, "waiting") and bool(ended))
    return (found.get("restartCount") or 0) + int(uncounted)


def _ailment(found: Object) -> Ailment | None:
    now, ended = found.get("state") or {}, _ended(found)
    if _is(found, "running"):
        return None
    waiting = now.get("waiting") or {}
    reason, message = waiting.get("reason") or "", waiting.get("message") or ""
    about = {"container": found.get("name", ""), "image": found.get("image") or ""}
    for family, reasons in (("pull", PULL_REASONS), ("config", CONFIG_REASONS)):
        if reason in reasons:
            return Ailment(family, reason, message, **about)
    if ended.get("reason") in START_REASONS:
        return Ailment("start", ended["reason"], ended.get("message") or message, **about)
    return Ailment("start", reason, message, **about) if reason in START_REASONS else None
