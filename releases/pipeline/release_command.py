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
OUTPUT_LINES = 10_000
LOOK_SECONDS = 0.5


def run(ground: Ground) -> None:
    """Until it has ended well. Raises RolloutFailed, Aborted: by then nothing of it runs any more."""
    job = _begin(ground)
    events = following.EventLog((ground.rollout.baseline or {}).get("events", {}))
    told = 0
    try:
        while True:
            ground.check()
            view = ground.mirror.view(ground.namespace)
            ground.say_all(events.lines(view, timezone.now()))
            pod = next((pod for pod in view.pods if _is_of(pod, job)), None)
            told = _tell_output(ground, pod, told)
            if _has_ended(ground, job["metadata"]["name"], pod):
                break
            ground.wait(LOOK_SECONDS)
    except (Aborted, RolloutFailed):
        _stop(ground, job)
        raise
    _tell_output(ground, pod, told)
    _stop(ground, job)
    with transaction.atomic():
        ground.say_all([ground.status_line("Pending", "Updating")])
        ground.rollout.transition("rolling")
    logs.pages_changed(ground.rollout.app_id)


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


def _has_ended(ground: Ground, name: str, pod: Object | None) -> bool:
    """True when it ended well. Raises RolloutFailed when it did not, or never can."""
    try:
        job = ground.cluster.get("Job", ground.namespace, name)
    except NotFound as error:
        raise RolloutFailed("The release command's Job was deleted by somebody else.") from error
    conditions = {c["type"]: c for c in job.get("status", {}).get("conditions") or [] if c["status"] == "True"}
    if "Failed" in conditions:
        ended = processes.last_exit(pod) if pod else {}
        words = processes.exit_words(ended) if ended else conditions["Failed"].get("message", "failed")
        raise RolloutFailed(f"The release command {words}.")
    if "Complete" in conditions:
        if pod is not None and processes.is_going(pod) and not processes.last_exit(pod):
            raise RolloutFailed("The release command was stopped before it had ended.")
        return True
    if pod is not None:
        _refuse_hopeless(ground, pod)
    return False


def _refuse_hopeless(ground: Ground, pod: Object) -> None:
    """An image that is not there, a command that does not exist: the same verdicts as for a service."""
    started = following.time(ground.rollout.progress["job_started_at"])
    ailment = processes.ailment(pod)
    if ailment is None:
        return
    state = ServiceState("release command", Rules(deadline=0, exits=1), 0, 0, risen_at=started)
    if (timezone.now() - started).total_seconds() >= health.patience(state, ailment):
        raise RolloutFailed(f"The release command can't run: {ailment.message or ailment.reason}")


def _tell_output(ground: Ground, pod: Object | None, told: int) -> int:
    """New lines of its output. The n-th line is told once, whoever reads it."""
    if pod is None or not (processes.container(pod).get("state") or {}).keys() & {"running", "terminated"}:
        return told
    try:
        lines = ground.cluster.log(
            ground.namespace,
            processes.name(pod),
            container=manifests.CONTAINER,
            tail=OUTPUT_LINES,
            previous=False,
            seconds=5,
        )
    except (Refused, NotFound):
        return told
    fresh = [logs.Line(STREAM, text, source_key=f"output {n}") for n, text in enumerate(lines) if n >= told]
    ground.say_all(fresh)
    return max(told, len(lines))


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
