"""By which labels and annotations an object is known to be ours, and whose part it is."""

from typing import Any

from releases.models import Release

Object = dict[str, Any]

MANAGED_BY, MANAGER = "app.kubernetes.io/managed-by", "deployer"
APP, SERVICE, RELEASE, TIMER = "deployer/app", "deployer/service", "deployer/release", "deployer/timer"
RUN = "deployer/run"
"""On a one-off process and what belongs to it: the service whose image and place it has."""
# Of what belongs to the app itself, whichever release is active: no release brings it or takes it away.
DOMAINS = "deployer/domains"
INSTALLATION, EPOCH = "deployer/installation", "deployer/epoch"
RESTARTED = "deployer/restarted"
"""In the template of a Deployment: when a person last had its processes replaced."""
OURS = f"{MANAGED_BY}={MANAGER}"


def metadata(release: Release, name: str, labels: dict[str, str]) -> Object:
    return {"name": name, "namespace": release.app.namespace, "labels": of_app(release) | labels}


def of_app(release: Release) -> dict[str, str]:
    return {MANAGED_BY: MANAGER, APP: release.app.name}


def selector(release: Release, service: str) -> dict[str, str]:
    """Never the release: a selector can't be changed."""
    return {APP: release.app.name, SERVICE: service}
