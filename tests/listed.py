"""Objects of one app's namespace, and an odd server that lists them as an API server does, page by page."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from releases.clients.cluster import PAGE, RESOURCES
from releases.models import Cluster, Release
from releases.pipeline import manifests, reach
from tests import factories
from tests.certificates import Authority, Pair, kubeconfig
from tests.odd_server import JSON, OddServer

Object = dict[str, Any]
TOKEN = "a-token"
REVISION = "deployment.kubernetes.io/revision"
READ = (
    "Event",
    "Pod",
    "Deployment",
    "ReplicaSet",
    "Job",
    "Service",
    "Ingress",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "PersistentVolumeClaim",
)


def cluster(url: str, authority: Authority, *, name: str = "far", client: Pair | None = None) -> Cluster:
    """A row whose kubeconfig leads there."""
    text = kubeconfig(url, authority=authority.certificate, **({"client": client} if client else {"token": TOKEN}))
    return factories.cluster(name, kind="kubeconfig", kubeconfig=reach.checked(text))


class Spaced(Protocol):
    """An app, or what stands for one."""

    @property
    def namespace(self) -> str: ...


def serve(server: OddServer, app: Spaced, lists: Mapping[str, Sequence[Object]] = {}) -> None:
    """Every kind that a diagnosis reads; those that are not in `lists` are empty."""
    for kind in READ:
        items = list(lists.get(kind, ()))
        for start in range(0, max(1, len(items)), PAGE):
            rest = len(items) - start - PAGE
            metadata: Object = {"resourceVersion": "7"}
            if rest > 0:
                metadata |= {"continue": str(start + PAGE), "remainingItemCount": rest}
            body = json.dumps({"items": items[start : start + PAGE], "metadata": metadata})
            server.answers[path(kind, app, start)] = (200, body, JSON)


def path(kind: str, app: Spaced, start: int = 0) -> str:
    resource = RESOURCES[kind]
    here = f"/{resource.api}/namespaces/{app.namespace}/{resource.plural}?limit={PAGE}"
    return f"{here}&continue={start}" if start else here


def serve_now(server: OddServer, app: Spaced, pod: Object) -> None:
    """How this process is when it is asked for by its name."""
    body = json.dumps({"items": [pod], "metadata": {"resourceVersion": "9"}})
    server.answers[f"{path('Pod', app)}&fieldSelector=metadata.name%3D{pod['metadata']['name']}"] = (200, body, JSON)


def log(server: OddServer, app: Spaced, pod: str, text: str, *, previous: bool = False, tail: int = 200) -> None:
    """What this process wrote."""
    query = f"container=main&limitBytes={256 * 1024}&previous={str(previous).lower()}&tailLines={tail}"
    server.answers[f"/api/v1/namespaces/{app.namespace}/pods/{pod}/log?{query}"] = (200, text, "text/plain")


# --- Objects --------------------------------------------------------------------------------------------------------


def stamp(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployment(release: Release, *, replicas: int = 1, ready: int = 1, service: str = "web") -> Object:
    metadata = _metadata(service, release, service, age=3600) | {"generation": 1}
    metadata["annotations"][REVISION] = "1"
    template = {"metadata": {"labels": metadata["labels"]}, "spec": {"containers": [_container()]}}
    status = {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
    }
    selector = {"matchLabels": {manifests.APP: release.app.name, manifests.SERVICE: service}}
    spec = {"replicas": replicas, "selector": selector, "template": template, "progressDeadlineSeconds": 600}
    return {"metadata": metadata, "spec": spec, "status": status}


def replica_set(release: Release, *, replicas: int = 1, service: str = "web") -> Object:
    metadata = _metadata(f"{service}-1", release, service, age=3600, owner=("Deployment", service))
    metadata["annotations"][REVISION] = "1"
    template = {"metadata": {"labels": metadata["labels"]}, "spec": {"containers": [_container()]}}
    status = {"replicas": replicas, "observedGeneration": 1}
    return {"metadata": metadata, "spec": {"replicas": replicas, "template": template}, "status": status}


def pod(release: Release, number: int = 1, *, age: float = 3600, service: str = "web", **main: Any) -> Object:
    """`main`: of its container's status; without it, one that is ready."""
    name = f"{service}-1-{number:05}"
    state = {"running": {"startedAt": stamp(age)}}
    found = {"name": "main", "ready": not main, "restartCount": 0, "state": state, "lastState": {}, **main}
    is_ready = "True" if found["ready"] else "False"
    conditions = [
        {"type": kind, "status": value, "lastTransitionTime": stamp(age)}
        for kind, value in (("PodScheduled", "True"), ("Ready", is_ready), ("ContainersReady", is_ready))
    ]
    return {
        "metadata": _metadata(name, release, service, age=age, owner=("ReplicaSet", f"{service}-1")),
        "spec": {"nodeName": "node1", "containers": [_container()]},
        "status": {"phase": "Running", "startTime": stamp(age), "conditions": conditions, "containerStatuses": [found]},
    }


def crashed(words: str = "", *, code: int = 1, restarts: int = 4) -> Object:
    """The status of a container that waits for its next run."""
    ended = {"exitCode": code, "reason": "Error", "message": words, "startedAt": stamp(30), "finishedAt": stamp(28)}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container=main"}
    return {"restartCount": restarts, "state": {"waiting": waiting}, "lastState": {"terminated": ended}}


def ended(number: int = 1, *, code: int = 1) -> Object:
    """The state of a container whose run of this number has ended."""
    times = {"startedAt": stamp(9), "finishedAt": stamp(2)}
    return {"terminated": {"exitCode": code, "reason": "Error", "containerID": f"containerd://{number}", **times}}


def event(of: Object, message: str, *, number: int = 1, reason: str = "BackOff", age: float = 60) -> Object:
    metadata = of["metadata"]
    about = {"kind": "Pod", "name": metadata["name"], "uid": metadata["uid"], "namespace": metadata["namespace"]}
    return {
        "metadata": {"name": f"e{number:06}", "uid": f"event-{number}", "namespace": metadata["namespace"]},
        "involvedObject": {**about, "fieldPath": "spec.containers{main}"},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 3,
        "firstTimestamp": stamp(age + 60),
        "lastTimestamp": stamp(age),
        "source": {"component": "kubelet"},
    }


def claim(release: Release, name: str) -> Object:
    spec = {"resources": {"requests": {"storage": "10Gi"}}}
    return {"metadata": _metadata(name, release, "web", age=3600), "spec": spec, "status": {"phase": "Bound"}}


def running(release: Release, *pods: Object, ready: int = 1) -> dict[str, list[Object]]:
    """The objects of the service web."""
    count = len(pods)
    return {
        "Deployment": [deployment(release, replicas=count, ready=ready)],
        "ReplicaSet": [replica_set(release, replicas=count)],
        "Pod": list(pods),
        "Service": [_service_object(release)],
    }


def crowd(release: Release, processes: int, events: int) -> dict[str, list[Object]]:
    """So many processes, of which each fifth crashes, and so many events about them."""
    pods = [pod(release, n, **(crashed("no queue at QUEUE_URL") if n % 5 == 0 else {})) for n in range(processes)]
    said = [
        event(pods[n % processes], f"Back-off restarting failed container main in pod {n}", number=n, age=n % 3600)
        for n in range(events)
    ]
    return {**running(release, *pods, ready=processes * 4 // 5), "Event": said}


def _service_object(release: Release) -> Object:
    selector = {manifests.APP: release.app.name, manifests.SERVICE: "web"}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {"metadata": _metadata("web", release, "web", age=3600), "spec": {"selector": selector, "ports": ports}}


def _container() -> Object:
    ports = [{"name": "http", "containerPort": 8080}]
    return {"name": "main", "image": factories.IMAGE, "command": ["python", "app.py"], "ports": ports}


def _metadata(name: str, release: Release, service: str, *, age: float, owner: tuple[str, str] | None = None) -> Object:
    labels = {
        manifests.MANAGED_BY: manifests.MANAGER,
        manifests.APP: release.app.name,
        manifests.SERVICE: service,
        manifests.RELEASE: release.pk,
    }
    owners = []
    if owner:
        owners = [{"kind": owner[0], "name": owner[1], "uid": f"{owner[0]}-{owner[1]}", "controller": True}]
    return {
        "name": name,
        "namespace": release.app.namespace,
        "uid": f"{'Pod' if name.count('-') > 1 else 'ReplicaSet' if '-' in name else 'Deployment'}-{name}",
        "creationTimestamp": stamp(age),
        "labels": labels,
        "annotations": {manifests.INSTALLATION: "local"},
        "ownerReferences": owners,
    }
