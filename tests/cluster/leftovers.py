"""What the cluster tests leave in a cluster: nothing, if they may help it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cluster import patience
from tests.cluster.kube import Kube, Object, Refused
from tests.journeys.waiting import until

MARK = "deployer/cluster-tests"
INSTALLATION = "deployer/installation"
INSTALLATIONS = "cluster-tests-"
"""How the name of an installation of ours begins."""
OLD = timedelta(hours=1)
"""A run that began longer ago than this is over, or given up."""


def sweep(kube: Kube) -> None:
    """Removes what earlier runs left that were killed; as far as whoever holds this kubeconfig may."""
    for kind in ("namespaces", "clusterrolebindings", "clusterroles"):
        for obj in _listed(kube, kind):
            if _is_ours(obj) and _age(obj) > OLD:
                _try(kube.delete, kind, "", obj["metadata"]["name"])


def remove(kube: Kube, namespaces: list[str]) -> None:
    """Removes these, and waits until they are gone."""

    def left() -> list[str]:
        return [name for name in namespaces if kube.find("namespaces", "", name)]

    for name in left():
        _try(kube.delete, "namespaces", "", name)
    until(lambda: not left(), "the end of the namespaces", seconds=patience.REMOVAL, tell=lambda: ", ".join(left()))


def _listed(kube: Kube, kind: str) -> list[Object]:
    found = _try(kube.list, kind)
    return found[0] if found else []


def _try(ask: Any, *arguments: str) -> Any:
    try:
        return ask(*arguments)
    except Refused as refused:
        if refused.status not in (403, 404, 409):
            raise
        return None


def _is_ours(obj: Object) -> bool:
    return MARK in obj["metadata"].get("labels", {}) or _installation(obj).startswith(INSTALLATIONS)


def _installation(obj: Object) -> str:
    return str(obj["metadata"].get("annotations", {}).get(INSTALLATION, ""))


def _age(obj: Object) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
