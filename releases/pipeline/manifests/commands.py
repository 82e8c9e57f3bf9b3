"""What runs a command and ends: the release command's Job, and the timers."""

from releases.models import Release
from releases.pipeline.manifests import labels, pods
from releases.pipeline.manifests.labels import Object
from releases.pipeline.manifests.pull_secret import PULL_SECRET

# A run that could not begin in this time is left out: nobody expects it any more.
START_WITHIN_SECONDS = 300
RUNS_KEPT = 3


def release_job(release: Release, *, number: int, installation: str, epoch: str, private: bool = False) -> Object:
    """The Job that runs the release command once it is let go: never again by itself, kept until we know its end."""
    command = release.manifest["release"]
    pull_secret = PULL_SECRET if private else ""
    metadata = labels.metadata(release, f"release-{number}", {labels.RELEASE: release.pk})
    metadata["annotations"] = {labels.INSTALLATION: installation, labels.EPOCH: epoch}
    # Suspended: it begins once we have noted its uid, so that no worker that was taken over from can run it again.
    spec = {
        "suspend": True,
        "backoffLimit": 0,
        "activeDeadlineSeconds": command["timeout"],
        "template": pods.command_pod(
            release, command["service"], command["command"], marks={}, pull_secret=pull_secret
        ),
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def resumed(job: Object) -> Object:
    """What lets a suspended Job go: exactly that one, in the version that was read."""
    exactly = {key: job["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": exactly, "spec": {"suspend": False}}


def timer(release: Release, name: str, *, installation: str, private: bool = False) -> Object:
    """Runs at its times in UTC, never twice at once, and not again when it failed."""
    timer = release.manifest["timers"][name]
    marks = {labels.TIMER: name, labels.RELEASE: release.pk}
    pull_secret = PULL_SECRET if private else ""
    job = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": timer["timeout"],
        "template": pods.command_pod(release, timer["service"], timer["command"], marks=marks, pull_secret=pull_secret),
    }
    # Each Job of it is known as ours, and whose release it runs.
    about = {"labels": labels.of_app(release) | marks, "annotations": {labels.INSTALLATION: installation}}
    spec = {
        "schedule": timer["schedule"],
        "timeZone": "Etc/UTC",
        "suspend": False,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": START_WITHIN_SECONDS,
        "successfulJobsHistoryLimit": RUNS_KEPT,
        "failedJobsHistoryLimit": RUNS_KEPT,
        "jobTemplate": {"metadata": about, "spec": job},
    }
    metadata = labels.metadata(release, name, {labels.TIMER: name})
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}
