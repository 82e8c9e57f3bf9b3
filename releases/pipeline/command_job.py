"""The Job of a release command: made once, let go once, and over when its pod is gone."""

import logging
import re
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from releases.clients.cluster import Object
from releases.errors import ClusterError, ClusterUnavailable, Conflict, RolloutFailed
from releases.pipeline import manifests, processes
from releases.pipeline.applying import MANAGER
from releases.pipeline.ground import Ground
from releases.pipeline.ownership import controller

logger = logging.getLogger(__name__)
STOP_SECONDS = 60
TRIES = 20
NAME = re.compile(r"release-(\d+)")


def made(ground: Ground) -> Object:
    """Create the Job, or adopt the one that an earlier worker created; note its uid: only then it may be let go.

    It is created suspended: a worker that was taken over from can't note it, and so never lets it go.
    """
    rollout = ground.rollout
    name = f"release-{rollout.number}"
    known = rollout.progress.get("job")
    live = ground.cluster.find("Job", ground.namespace, name)
    if known and (live is None or live["metadata"]["uid"] != known):
        raise_noted(ground)
        ground.check()  # an earlier worker may have stopped it for an abort
        raise RolloutFailed(
            "The release command's Job is gone; it may have run in part and is not run again.", cause="release_command"
        )
    live = live or _created(ground)
    if not ground.own.is_ours(live) or processes.release(live) != rollout.release_id:
        raise RolloutFailed(f"Job {name} in {ground.namespace} was not made for this release: remove it.")
    if not known:
        ground.remember(progress={**rollout.progress, "job": live["metadata"]["uid"]})
    ground.cluster_is_back()
    return live


def _created(ground: Ground) -> Object:
    rollout = ground.rollout
    command = " ".join(rollout.release.manifest["release"]["command"])
    ground.say(f"Running the release command: {command}", key="release command")
    epoch = ".".join(map(str, ground.writer.stamp))
    wanted = manifests.release_job(
        rollout.release,
        number=rollout.number,
        installation=settings.DEPLOYER_INSTALLATION,
        epoch=epoch,
        private=manifests.pulls_with_secret(ground.objects()),
    )
    ground.check()
    try:
        return ground.cluster.create(wanted)
    except Conflict:
        return ground.cluster.get("Job", ground.namespace, wanted["metadata"]["name"])


def let_go(ground: Ground, job: Object) -> Object:
    """Raises RolloutFailed when somebody has deleted it."""
    for _ in range(TRIES):
        if not job["spec"].get("suspend"):
            return job
        try:
            return ground.cluster.apply(manifests.resumed(job), manager=MANAGER, force=True)
        except Conflict:  # its controller has noted that it is suspended
            job = still_there(ground, job)
    raise RolloutFailed("The release command's Job keeps changing under our hands.", cause="release_command")


def still_there(ground: Ground, job: Object) -> Object:
    """As it is now. Raises RolloutFailed when somebody has deleted it."""
    live = ground.cluster.find("Job", ground.namespace, job["metadata"]["name"])
    if live is None or uid(live) != uid(job) or processes.is_ending(live):
        words = "The release command's Job was deleted by somebody else; it may have run in part."
        raise RolloutFailed(words, cause="release_command")
    return live


def raise_noted(ground: Ground) -> None:
    """Raises RolloutFailed when it is known already that the release command has failed."""
    if failed := ground.rollout.progress.get("command_failed"):
        raise RolloutFailed(**failed)


# --- Its end --------------------------------------------------------------------------------------------------------


def stop(ground: Ground, job: Object) -> None:
    """It is over when its pod is gone. Raises ClusterUnavailable: then it may still run; Stale: it is another's now."""
    ground.rollout.beat()
    grace = job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") or 0
    deadline = timezone.now() + timedelta(seconds=STOP_SECONDS + grace)
    try:
        _delete(ground, job)
        while (live := ground.cluster.find("Job", ground.namespace, job["metadata"]["name"])) and (
            uid(live) == uid(job) and timezone.now() < deadline
        ):
            ground.check(abortable=False)
            ground.stop.wait(0.1)
    except ClusterUnavailable:
        raise
    except ClusterError as error:
        logger.info("the Job %s stays: %s", job["metadata"]["name"], error.message)


def _delete(ground: Ground, job: Object) -> None:
    """In the foreground: it stays until its pod is gone (a plain delete leaves the pod running)."""
    metadata = job["metadata"]
    ground.cluster.delete("Job", ground.namespace, metadata["name"], uid=metadata["uid"], propagation="Foreground")


def pods(job: Object, pods: list[Object]) -> list[Object]:
    """Those of `pods` that it made."""
    return [pod for pod in pods if controller(pod, "Job") == uid(job)]


def uid(obj: Object) -> str:
    return obj["metadata"]["uid"]


def remove(ground: Ground) -> None:
    """The Job of this rollout, if there is one, once its end is noted; else the next prune does it."""
    if "job" in ground.rollout.progress:
        try:
            name = f"release-{ground.rollout.number}"
            ground.cluster.delete("Job", ground.namespace, name, uid=ground.rollout.progress["job"])
        except ClusterError as error:
            logger.info("a release command's Job stays for the next prune: %s", error.message)


def of_earlier_rollouts(ground: Ground) -> list[str]:
    """Names of the Jobs of earlier rollouts that are not gone yet, with their pods; they are told to stop.

    Two release commands must never run side by side.
    """
    jobs, _ = ground.cluster.list_all("Job", ground.namespace, labels=manifests.OURS)
    found = []
    for job in filter(ground.own.is_ours, jobs):
        match = NAME.fullmatch(job["metadata"]["name"])
        if match and int(match[1]) < ground.rollout.number:
            found.append(job["metadata"]["name"])
            if not processes.is_ending(job):
                with suppress(Conflict):
                    _delete(ground, job)
    return found
