"""The pods of a service, and those that run one command with its image and variables."""

from releases.models import Release
from releases.pipeline.deployer_yml.sections import MAIN_PORT_NAME as PORT_NAME
from releases.pipeline.manifests import labels
from releases.pipeline.manifests.labels import Object
from releases.pipeline.manifests.pull_secret import PULL_SECRET
from releases.pipeline.manifests.variables import plain_variables, secret_name

CONTAINER, INIT_CONTAINER = "main", "init"
# Long enough for a load balancer to hear that the process goes, before it is told to.
PRE_STOP_SECONDS = 5
READINESS_FAILURES = 3


def service_pod(release: Release, name: str, *, private: bool = False) -> Object:
    """The template of a service's processes."""
    service = release.manifest["services"][name]
    container = _container(release, name, command=service["command"]) | _at_its_ports(service)
    mounts = [{"name": volume["name"], "mountPath": volume["path"]} for volume in service["volumes"]]
    spec = _pod_spec(service, [container | _some("volumeMounts", mounts)], pull_secret=PULL_SECRET if private else "")
    if service["initContainer"]:
        first = _container(release, name, command=service["initContainer"]["command"], called=INIT_CONTAINER)
        spec["initContainers"] = [first | _some("volumeMounts", mounts)]
    claims = [
        {"name": volume["name"], "persistentVolumeClaim": {"claimName": claim_name(name, volume["name"])}}
        for volume in service["volumes"]
    ]
    ours = labels.of_app(release) | {labels.RELEASE: release.pk, labels.SERVICE: name}
    return {"metadata": {"labels": ours}, "spec": spec | _some("volumes", claims)}


def command_pod(
    release: Release,
    service: str,
    command: list[str],
    *,
    marks: dict[str, str],
    pull_secret: str = "",
    env_secret: str = "",
) -> Object:
    """The template of a pod that runs `command` once.

    `marks`: labels in place of the service's, whose Service object must not send requests here. It mounts no volume:
    a process of the service may have it. `env_secret`: what holds the variables, if it is not the release's own.
    """
    container = _container(release, service, command=command, env_secret=env_secret)
    spec = _pod_spec(release.manifest["services"][service], [container], pull_secret=pull_secret)
    ours = labels.of_app(release) | {labels.RELEASE: release.pk} | marks
    return {"metadata": {"labels": ours}, "spec": spec | {"restartPolicy": "Never"}}


def claim_name(service: str, volume: str) -> str:
    return f"{service}-{volume}"


def _pod_spec(service: Object, containers: list[Object], *, pull_secret: str) -> Object:
    """`pull_secret`: "" for images that anybody may pull."""
    pulled_with = _some("imagePullSecrets", [{"name": pull_secret}] if pull_secret else [])
    return pulled_with | {
        "containers": containers,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": service["termination"]["grace"],
    }


def _container(
    release: Release, name: str, *, command: list[str] | None, called: str = CONTAINER, env_secret: str = ""
) -> Object:
    scale = release.manifest["services"][name]["scale"]
    memory = f"{scale['memory']}Mi"
    container = {
        "name": called,
        "image": release.images[name],
        "env": [{"name": key, "value": value} for key, value in plain_variables(release, name)],
        "envFrom": [{"secretRef": {"name": env_secret or secret_name(release.pk)}}],
        "resources": {"requests": {"cpu": f"{scale['cpu']}m", "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {"allowPrivilegeEscalation": False},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return container | _some("command", command)


def _at_its_ports(service: Object) -> Object:
    """What a container has because others send it requests: ports, probes, and a pause before it goes."""
    found: Object = _some("ports", _ports(service))
    if service["port"]:
        found["readinessProbe"] = _readiness(service)
    if found and service["termination"]["grace"] > 1:
        pause = min(PRE_STOP_SECONDS, service["termination"]["grace"] - 1)
        found["lifecycle"] = {"preStop": {"sleep": {"seconds": pause}}}
    if service["liveness"]:
        found["livenessProbe"] = _probe(service["liveness"], service["liveness"]["failures"])
    return found


def _ports(service: Object) -> list[Object]:
    main = [{"port": service["port"], "name": PORT_NAME, "protocol": "tcp"}] if service["port"] else []
    return [
        {"name": port["name"], "containerPort": port["port"], "protocol": port["protocol"].upper()}
        for port in [*main, *service["ports"]]
    ]


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


def _some(key: str, value: list | None) -> Object:
    """Nothing at all where there is nothing to say: an empty list would be a field that we own."""
    return {key: value} if value else {}
