"""A release as Kubernetes objects. Pure: the same release always gives the same objects.

The rules and where each comes from: ROLLOUT.md, "Objects".
"""

import base64
from typing import Any

from releases.models import Release
from releases.pipeline import strategies

Object = dict[str, Any]

MANAGED_BY, MANAGER = "app.kubernetes.io/managed-by", "deployer"
APP, SERVICE, RELEASE = "deployer/app", "deployer/service", "deployer/release"
INSTALLATION, EPOCH = "deployer/installation", "deployer/epoch"
OURS = f"{MANAGED_BY}={MANAGER}"
CONTAINER = "main"
PORT_NAME = "http"
# Without a health check only time tells whether a process stays.
VERIFY_UNCHECKED = 10
# Long enough for a load balancer to hear that the process goes, before it is told to.
PRE_STOP_SECONDS = 5
READINESS_FAILURES = 3


def render(release: Release, *, installation: str) -> list[Object]:
    """All objects of `release`, in the order in which they are applied; no replicas: scale belongs to the app."""
    objects = [_secret(release)]
    services = release.manifest["services"]
    objects += [_service_object(release, name) for name, service in services.items() if service["port"]]
    objects += [_deployment(release, name) for name in services]
    objects += [_ingress(release, name) for name, service in services.items() if service["domain"]]
    for obj in objects:
        obj["metadata"]["annotations"] = {INSTALLATION: installation}
    return objects


def namespace(name: str, app: str, *, installation: str) -> Object:
    labels = {MANAGED_BY: MANAGER, APP: app}
    metadata = {"name": name, "labels": labels, "annotations": {INSTALLATION: installation}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def secret_name(release_id: str) -> str:
    return release_id.lower()


def replicas(name: str, namespace: str, count: int) -> Object:
    """The part of a Deployment that `deployer-scale` owns."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": count}}


def release_job(release: Release, *, number: int, installation: str, epoch: str) -> Object:
    """The Job that runs the release command once it is let go: never again by itself, kept until we know its end."""
    command = release.manifest["release"]
    service = command["service"]
    pod = _pod(release, service)
    container = pod["spec"]["containers"][0]
    pod["spec"]["containers"] = [
        {
            key: value
            for key, value in container.items()
            if key not in ("ports", "readinessProbe", "livenessProbe", "lifecycle")
        }
        | {"command": command["command"]}
    ]
    pod["spec"]["restartPolicy"] = "Never"
    # Not the service's labels: its Service object must not send requests here.
    pod["metadata"]["labels"] = {MANAGED_BY: MANAGER, APP: release.app.name, RELEASE: release.pk}
    metadata = _metadata(release, f"release-{number}", {RELEASE: release.pk})
    metadata["annotations"] = {INSTALLATION: installation, EPOCH: epoch}
    # Suspended: it begins once we have noted its uid, so that no worker that was taken over from can run it again.
    spec = {"suspend": True, "backoffLimit": 0, "activeDeadlineSeconds": command["timeout"], "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def resumed(job: Object) -> Object:
    """What lets a suspended Job go: exactly that one, in the version that was read."""
    exactly = {key: job["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": exactly, "spec": {"suspend": False}}


def verify_seconds(service: Object) -> int:
    """How long a new process must stay ready before it counts as available."""
    given = service["deployment"]["verify"]
    return given if given is not None else 0 if service["health"] else VERIFY_UNCHECKED


def deadline_seconds(manifest: Object, service: str) -> int:
    return manifest["services"][service]["deployment"]["deadline"] or manifest["deployment"]["deadline"]


def _metadata(release: Release, name: str, labels: dict[str, str]) -> Object:
    ours = {MANAGED_BY: MANAGER, APP: release.app.name}
    return {"name": name, "namespace": release.app.namespace, "labels": ours | labels}


def _secret(release: Release) -> Object:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in sorted(release.env.items())}
    metadata = _metadata(release, secret_name(release.pk), {RELEASE: release.pk})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def _service_object(release: Release, name: str) -> Object:
    service = release.manifest["services"][name]
    spec: Object = {
        "selector": _selector(release, name),
        "ports": [{"name": PORT_NAME, "port": 80, "targetPort": PORT_NAME, "protocol": "TCP"}],
        "sessionAffinity": "ClientIP" if service["sticky"] else "None",
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(release, name, {SERVICE: name}), "spec": spec}


def _deployment(release: Release, name: str) -> Object:
    service = release.manifest["services"][name]
    verify = verify_seconds(service)
    spec = {
        "paused": False,
        "selector": {"matchLabels": _selector(release, name)},
        "strategy": strategies.of(release.manifest).limits(service),
        "minReadySeconds": verify,
        "progressDeadlineSeconds": deadline_seconds(release.manifest, name) + verify,
        "revisionHistoryLimit": 2,
        "template": _pod(release, name),
    }
    metadata = _metadata(release, name, {SERVICE: name})
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _selector(release: Release, name: str) -> dict[str, str]:
    return {APP: release.app.name, SERVICE: name}


def _pod(release: Release, name: str) -> Object:
    service = release.manifest["services"][name]
    labels = {MANAGED_BY: MANAGER, RELEASE: release.pk} | _selector(release, name)
    spec = {
        "containers": [_container(release, name)],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": service["termination"]["grace"],
    }
    return {"metadata": {"labels": labels}, "spec": spec}


def _container(release: Release, name: str) -> Object:
    service = release.manifest["services"][name]
    memory = f"{service['scale']['memory']}Mi"
    container: Object = {
        "name": CONTAINER,
        "image": release.images[name],
        "env": [{"name": key, "value": value} for key, value in _plain_variables(release, name)],
        "envFrom": [{"secretRef": {"name": secret_name(release.pk)}}],
        "resources": {
            "requests": {"cpu": f"{service['scale']['cpu']}m", "memory": memory},
            "limits": {"memory": memory},
        },
        "securityContext": {"allowPrivilegeEscalation": False},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if service["command"]:
        container["command"] = service["command"]
    if service["port"]:
        container["ports"] = [{"name": PORT_NAME, "containerPort": service["port"], "protocol": "TCP"}]
        container["readinessProbe"] = _readiness(service)
        if service["termination"]["grace"] > 1:
            pause = min(PRE_STOP_SECONDS, service["termination"]["grace"] - 1)
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": pause}}}
    if service["liveness"]:
        container["livenessProbe"] = _probe(service["liveness"], service["liveness"]["failures"])
    return container


def _plain_variables(release: Release, name: str) -> list[tuple[str, str]]:
    """What is no secret: who the process is, its port, and the manifest's defaults for what the environment lacks."""
    service = release.manifest["services"][name]
    declared = release.declared(name).items()
    defaults = [(key, value) for key, value in declared if value is not None and key not in release.env]
    about = [
        ("DEPLOYER_APP", release.app.name),
        ("DEPLOYER_SERVICE", name),
        ("DEPLOYER_RELEASE", release.pk),
        ("DEPLOYER_BUILD", release.build_id),
    ]
    port = [("PORT", str(service["port"]))] if service["port"] else []
    return about + port + sorted(pair for pair in defaults if pair[0] != "PORT")


def _readiness(service: Object) -> Object:
    if service["health"]:
        return _probe(service["health"], READINESS_FAILURES)
    # No health check asked for; still nobody should be sent to a process that does not listen yet.
    return {"tcpSocket": {"port": PORT_NAME}, "periodSeconds": 1, "failureThreshold": READINESS_FAILURES}


def _probe(check: Object, failures: int) -> Object:
    return {
        "httpGet": {"path": check["path"], "port": PORT_NAME},
        "initialDelaySeconds": check["grace"],
        "periodSeconds": check["interval"],
        "timeoutSeconds": check["timeout"],
        "failureThreshold": failures,
    }


def _ingress(release: Release, name: str) -> Object:
    backend = {"service": {"name": name, "port": {"name": PORT_NAME}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    hosts = release.manifest["services"][name]["domain"]
    spec = {"rules": [{"host": host, "http": {"paths": paths}} for host in hosts]}
    metadata = _metadata(release, name, {SERVICE: name})
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
