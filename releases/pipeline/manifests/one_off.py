"""A one-off process: a Job that runs one command of a release, with Secrets of its own that go with it.

Its own, since the release may never have been promoted, and since a prune beside it must not take them away.
"""

from collections.abc import Mapping

from releases.models import Release
from releases.pipeline.manifests import labels, pods, pull_secret, variables
from releases.pipeline.manifests.labels import Object

# Of one that has ended and that nobody has taken away: whoever reads its output slowly still finds it.
KEPT_SECONDS = 3600


def run_job(
    release: Release,
    service: str,
    command: list[str],
    *,
    name: str,
    timeout: int,
    installation: str,
    private: bool = False,
) -> Object:
    """Suspended: it begins once its Secrets are there. `timeout`: seconds, after which the cluster itself ends it."""
    marks = {labels.RUN: service}
    template = pods.command_pod(
        release,
        service,
        command,
        marks=marks,
        pull_secret=_pull_secret_name(name) if private else "",
        env_secret=_env_secret_name(name),
    )
    spec = {
        "suspend": True,
        "backoffLimit": 0,
        "activeDeadlineSeconds": timeout,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": template,
    }
    metadata = labels.metadata(release, name, marks | {labels.RELEASE: release.pk})
    metadata["annotations"] = {labels.INSTALLATION: installation}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def run_secrets(release: Release, job: Object, logins: Mapping[str, tuple[str, str]]) -> list[Object]:
    """What the Job needs, owned by it: the cluster removes them with it. `logins`: as for the app's pull secret."""
    name = job["metadata"]["name"]
    secrets = [_of(job, _env_secret_name(name)) | variables.variables_secret(release)]
    if logins:
        secrets.append(_of(job, _pull_secret_name(name)) | pull_secret.logins_secret(logins))
    return secrets


def _env_secret_name(job: str) -> str:
    return f"{job}-env"


def _pull_secret_name(job: str) -> str:
    return f"{job}-registry"


def _of(job: Object, name: str) -> Object:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    kept = {key: job["metadata"][key] for key in ("namespace", "labels", "annotations")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **kept, "ownerReferences": [owner]}}
