"""The release command: a Job of the new release, at most once by us, before anything that runs is changed."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import ClusterError, Conflict, NotFound, Refused, RolloutFailed
from releases.pipeline import following, health, manifests, processes
from releases.pipeline.ground import Aborted, Ground
from releases.pipeline.health import Rules, ServiceState

logger = logging.getLogger(__name__)
STREAM = "release-command"
EVIDENCE_LINES = 20
LOOK_SECONDS = 0.5


def run(ground: Ground) -> None:
    """Until it has ended well. Raises RolloutFailed, Aborted: by then nothing of it runs any more."""
    job = _begin(ground)
    try:
        conditions, pod = _follow(ground, job)
    except (Aborted, RolloutFailed):
        _stop(ground, job)
        raise
    # First note how it ended, then remove it: who takes over in between must not miss it.
    _judge(ground, conditions, pod)
    with transaction.atomic():
        ground.say_all([ground.status_line("Pending", "Updating")])
        ground.rollout.transition("rolling")
    logs.pages_changed(ground.rollout.app_id)
    _stop(ground, job)


def remove(ground: Ground) -> None:
    """The Job of this rollout, if there is one, once its end is noted; else the next prune does it."""
    if "job" in ground.rollout.progress:
        try:
            name = f"release-{ground.rollout.number}"
            ground.cluster.delete("Job", ground.namespace, name, uid=ground.rollout.progress["job"])
        except ClusterError as error:
            logger.info("a release command's Job stays for the next prune: %s", error.message)


def _follow(ground: Ground, job: Object) -> tuple[dict[str, Object], Object | None]:
    """Tell its output while it runs. Gives the Job's true conditions and its pod. Raises RolloutFailed."""
    events = following.EventLog((ground.rollout.baseline or {}).get("events", {}))
    told = 0
    while True:
        ground.check()
        view = ground.mirror.view(ground.namespace)
        ground.say_all(events.lines(view, timezone.now()))
        pod = next((pod for pod in view.pods if _is_of(pod, job)), None)
        told = _tell_output(ground, pod, told)
        conditions = _conditions(ground, job)
        if conditions.keys() & {"Failed", "Complete"}:
            # The mirror may lag behind the Job: how it ended, and its last lines, are asked of the cluster itself.
            pods, _ = ground.cluster.list_all("Pod", ground.namespace, labels=manifests.OURS)
            pod = next((pod for pod in pods if _is_of(pod, job)), pod)
            _tell_output(ground, pod, told)
            return conditions, pod
        if pod is not None:
            _refuse_hopeless(ground, pod)
        ground.wait(LOOK_SECONDS)


def _begin(ground: Ground) -> Object:
    """Create the Job, or adopt the one that an earlier worker created and did not live to note."""
    rollout = ground.rollout
    name = f"release-{rollout.number}"
    known = rollout.progress.get("job")
    live = ground.cluster.find("Job", ground.namespace, name)
    if known and (live is None or live["metadata"]["uid"] != known):
        raise RolloutFailed("The release command's Job is gone; it may have run in part and is not run again.")
    if live is None:
        command = " ".join(rollout.release.manifest["release"]["command"])
        ground.say(f"Running the release command: {command}", key="release command")
        epoch = ".".join(map(str, ground.writer.stamp))
        wanted = manifests.release_job(
            rollout.release, number=rollout.number, installation=settings.DEPLOYER_INSTALLATION, epoch=epoch
        )
        try:
            live = ground.cluster.create(wanted)
        except Conflict:
            live = ground.cluster.get("Job", ground.namespace, name)
    if live["metadata"].get("labels", {}).get(manifests.RELEASE) != rollout.release_id:
        raise RolloutFailed(f"Job {name} in {ground.namespace} was not made for this release: remove it.")
    if not known:
        started = timezone.now().isoformat()
        ground.remember(progress={**rollout.progress, "job": live["metadata"]["uid"], "job_started_at": started})
    ground.cluster_is_back()
    return live


def _conditions(ground: Ground, job: Object) -> dict[str, Object]:
    try:
        live = ground.cluster.get("Job", ground.namespace, job["metadata"]["name"])
    except NotFound as error:
        raise RolloutFailed("The release command's Job was deleted by somebody else.") from error
    return {item["type"]: item for item in live.get("status", {}).get("conditions") or [] if item["status"] == "True"}


def _judge(ground: Ground, conditions: dict[str, Object], pod: Object | None) -> None:
    """Raises RolloutFailed unless it ended well."""
    ended = processes.last_exit(pod) if pod else {}
    if "Failed" in conditions:
        words = processes.exit_words(ended) if ended else conditions["Failed"].get("message", "failed")
        raise RolloutFailed(
            f"The release command {words}.",
            cause="release_command",
            hint="Look at the last lines that it wrote.",
            evidence=_output(ground, pod, tail=EVIDENCE_LINES),
        )
    if pod is not None and _was_stopped(pod, ended):
        # A program that exits with 0 when it is told to stop makes its Job complete.
        raise RolloutFailed("The release command was stopped before it had ended.", cause="release_command")


def _refuse_hopeless(ground: Ground, pod: Object) -> None:
    """An image that is not there, a command that does not exist: the same verdicts as for a service."""
    started = following.time(ground.rollout.progress["job_started_at"])
    ailment = processes.ailment(pod)
    if ailment is None:
        return
    state = ServiceState("release command", Rules(deadline=0, exits=1), 0, 0, risen_at=started)
    if (timezone.now() - started).total_seconds() >= health.patience(state, ailment):
        words = ailment.message or ailment.reason
        raise RolloutFailed(f"The release command can't run: {words}", cause=ailment.family)


def _was_stopped(pod: Object, ended: Object) -> bool:
    """Whether it was told to go before its container had ended."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return processes.is_going(pod)
    asked = following.time(metadata["deletionTimestamp"]) - timedelta(
        seconds=metadata.get("deletionGracePeriodSeconds") or 0
    )
    return "finishedAt" not in ended or following.time(ended["finishedAt"]) >= asked


def _tell_output(ground: Ground, pod: Object | None, told: int) -> int:
    """Tell what is new after the first `told` lines; gives how many there are. The n-th line is told once for all."""
    lines = _output(ground, pod, tail=None)
    fresh = [logs.Line(STREAM, text, source_key=f"output {n}") for n, text in enumerate(lines) if n >= told]
    ground.say_all(fresh)
    return max(told, len(lines))


def _output(ground: Ground, pod: Object | None, *, tail: int | None) -> list[str]:
    if pod is None or not (processes.container(pod).get("state") or {}).keys() & {"running", "terminated"}:
        return []
    try:
        return ground.cluster.log(
            ground.namespace,
            processes.name(pod),
            container=manifests.CONTAINER,
            tail=tail,
            previous=False,
            seconds=5,
        )
    except (Refused, NotFound):
        return []


def _stop(ground: Ground, job: Object) -> None:
    """Foreground: it is over when its pod is gone (a plain delete leaves the pod running)."""
    name = job["metadata"]["name"]
    deadline: datetime = timezone.now() + timedelta(seconds=60)
    try:
        ground.cluster.delete("Job", ground.namespace, name, uid=job["metadata"]["uid"], propagation="Foreground")
        while ground.cluster.find("Job", ground.namespace, name) and timezone.now() < deadline:
            ground.check(abortable=False)
            ground.stop.wait(0.1)
    except ClusterError as error:
        logger.info("the Job %s stays: %s", name, error.message)


def _is_of(pod: Object, job: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == job["metadata"]["uid"] for owner in owners)
