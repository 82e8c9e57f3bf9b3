"""A release as Kubernetes objects. Pure: the same release on the same cluster always gives the same objects.

The rules and where each comes from: ROLLOUT.md, "Objects".
"""

from releases.models import Release
from releases.pipeline.manifests import commands, network, variables, workloads
from releases.pipeline.manifests.commands import release_job, resumed
from releases.pipeline.manifests.labels import (
    APP,
    DOMAINS,
    EPOCH,
    INSTALLATION,
    MANAGED_BY,
    MANAGER,
    OURS,
    RELEASE,
    RESTARTED,
    RUN,
    SERVICE,
    TIMER,
    Object,
)
from releases.pipeline.manifests.network import OWN_DOMAINS, own_domains
from releases.pipeline.manifests.one_off import run_job, run_secrets
from releases.pipeline.manifests.pods import CONTAINER, INIT_CONTAINER
from releases.pipeline.manifests.pull_secret import PULL_SECRET, pull_secret, pulls_with_secret
from releases.pipeline.manifests.variables import secret_name
from releases.pipeline.manifests.workloads import deadline_seconds, replicas, restarted, verify_seconds

__all__ = [
    "APP",
    "CONTAINER",
    "DOMAINS",
    "EPOCH",
    "INIT_CONTAINER",
    "INSTALLATION",
    "LATE",
    "MANAGED_BY",
    "MANAGER",
    "OURS",
    "OWN_DOMAINS",
    "PULL_SECRET",
    "RELEASE",
    "RESTARTED",
    "RUN",
    "SERVICE",
    "TIMER",
    "Object",
    "deadline_seconds",
    "namespace",
    "own_domains",
    "pull_secret",
    "pulls_with_secret",
    "release_job",
    "render",
    "replicas",
    "restarted",
    "resumed",
    "run_job",
    "run_secrets",
    "secret_name",
    "verify_seconds",
]

# What brings work or people to a service, or moves its processes, comes when all Deployments are complete.
LATE = ("CronJob", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget")


def render(release: Release, *, installation: str, private: bool = False) -> list[Object]:
    """All objects of `release`, in the order in which they are applied; no replicas: scale belongs to the app.

    `private`: its images are pulled with the app's pull secret, which is no part of the release: passwords change.
    """
    services = release.manifest["services"]
    objects = [variables.secret(release)]
    objects += [claim for name in services for claim in workloads.volume_claims(release, name)]
    objects += [network.service_object(release, name) for name, it in services.items() if it["port"] or it["ports"]]
    objects += [workloads.deployment(release, name, private=private) for name in services]
    timers = release.manifest["timers"]
    objects += [commands.timer(release, name, installation=installation, private=private) for name in timers]
    objects += [network.ingress(release, name) for name, it in services.items() if it["domain"]]
    objects += [workloads.autoscaler(release, name) for name, it in services.items() if it["scale"]["max"]]
    objects += [workloads.disruption_budget(release, name) for name in services]
    for obj in objects:
        obj["metadata"].setdefault("annotations", {})[INSTALLATION] = installation
    return objects


def namespace(name: str, app: str, *, installation: str) -> Object:
    labels = {MANAGED_BY: MANAGER, APP: app}
    metadata = {"name": name, "labels": labels, "annotations": {INSTALLATION: installation}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
