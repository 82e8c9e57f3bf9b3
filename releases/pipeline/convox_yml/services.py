"""The services of a convox.yml."""

from collections.abc import Callable
from typing import Any

from releases.pipeline.convox_yml import checks, scaling
from releases.pipeline.convox_yml.commands import command
from releases.pipeline.convox_yml.reading import Reading, interpolated

Path = tuple[Any, ...]
Section = dict[Any, Any]

OWN = "{} are Deployer's own"
LEFT = {
    "annotations": OWN.format("annotations"),
    "certificate": "certificates come from the cluster's issuer, or from tls.secret of a deployer.yml",
    "configMounts": "files are part of the image, or values of variables",
    "dnsConfig": "name resolution is the cluster's",
    "drain": "termination.grace is the time that a process has to end",
    "grpcHealthEnabled": "checks are HTTP",
    "imagePullSecrets": "the cluster's own credentials are used",
    "ingressAnnotations": OWN.format("annotations"),
    "init": "no init program is put before the command",
    "labels": OWN.format("labels"),
    "lifecycle": "a process is given time to end, and runs nothing else",
    "nodeSelectorLabels": "the cluster chooses the node",
    "privileged": "no process has privileges",
    "resources": "databases and the like are not made by Deployer: set the variables that say where they are",
    "startupProbe": "the deadline of the deployment is the time to start",
    "test": "Deployer runs no tests",
    "timeout": "how long an answer may take is up to the cluster's ingress",
    "tls": "whether HTTP is redirected is up to the cluster's ingress",
    "volumeOptions": "a volume is written {name, path, size}, and belongs to one process",
    "volumes": "a volume is written {name, path, size}, and belongs to one process",
    "whitelist": "who may ask is not limited here, so its domains are left out too",
}
# Switches that change nothing while they are off.
SWITCHES = ("agent", "internal", "internalRouter", "singleton", "init", "privileged", "grpcHealthEnabled")


def read(reading: Reading, services: dict[Any, Any]) -> dict[Any, Any]:
    """In the shape of deployer.yml; without those that can't run here."""
    found = {}
    for name, section in services.items():
        path = ("services", name)
        if isinstance(section, dict) and section.get("agent"):
            reading.leave(path, "it is an agent, a process on every node, which Deployer does not run")
        else:
            found[name] = _service(reading, path, section) if isinstance(section, dict) else section or {}
    return found


def environment(reading: Reading, path: Path, value: Any) -> Any:
    """`*` means what is so here anyway: every service gets every variable."""
    if not isinstance(value, list):
        return value
    entries = [entry for part in value for entry in (part if isinstance(part, list) else [part])]
    for entry in filter(interpolated, entries):
        reading.leave(path, f"{str(entry).partition('=')[0]}: a value with a variable in it")
    return [entry for entry in entries if entry != "*" and not interpolated(entry)]


def _service(reading: Reading, path: Path, given: Section) -> Section:
    service: Section = {key: given[key] for key in ("image", "sticky") if given.get(key) is not None}
    if interpolated(given.get("image")):
        reading.refuse((*path, "image"), "a variable of the environment is in it: write the image itself")
    for key, take in TAKEN.items():
        if given.get(key) is not None:
            service |= {key: taken} if (taken := take(reading, (*path, key), given[key])) is not None else {}
    if "health" not in given and service.get("port") and not checks.scheme(given["port"]):
        reading.remark(path, "no health is given, so / is asked, as Convox does")
        service["health"] = "/"
    _only_what_can_be_asked(reading, path, given, service)
    if given.get("singleton") and "deployment" not in service:
        service["deployment"] = {"minimum": 0, "maximum": 100}  # never one more than there are
    off = [key for key in SWITCHES if not given.get(key)]
    quiet = [*service, *TAKEN, *off, "agent", "internal", "internalRouter", "singleton", "image", "sticky"]
    reading.leave_rest(path, given, quiet, LEFT)
    return service


def _only_what_can_be_asked(reading: Reading, path: Path, given: Section, service: Section) -> None:
    scheme = checks.scheme(given.get("port"))
    for key in ("health", "liveness"):
        if key in service and scheme:
            del service[key]
            reading.leave((*path, key), f"a check speaks plain HTTP, and the port {scheme}")
        elif key in service and not service.get("port"):
            del service[key]
            reading.leave((*path, key), "the service has no port")
    limit = next((key for key in ("internal", "internalRouter", "whitelist") if given.get(key)), None)
    if "domain" in service and limit:
        del service["domain"]
        reading.leave((*path, "domain"), f"everybody could ask, and {limit} says otherwise")
    elif "domain" in service and not service.get("port"):
        del service["domain"]
        reading.leave((*path, "domain"), "the service has no port")


def _build(reading: Reading, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    reading.leave_rest(path, value, ("path", "manifest", "args"))
    section = {"path": value["path"]} if "path" in value else {}
    if "manifest" in value:
        reading.rename(path, "manifest", "dockerfile")
        section["dockerfile"] = value["manifest"]
    if isinstance(value.get("args"), list) and all(isinstance(arg, str) for arg in value["args"]):
        for arg in value["args"]:
            if "=" not in arg or interpolated(arg):
                reading.leave((*path, "args"), f"{arg.partition('=')[0]}: a value of the environment")
        pairs = [arg.partition("=") for arg in value["args"] if "=" in arg and not interpolated(arg)]
        section["args"] = {name: default for name, _, default in pairs}
    elif "args" in value:
        section["args"] = value["args"]
    return section


def _init_container(reading: Reading, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    reading.leave_rest(path, value, ("command",), {"image": "the first container has the image of the service"})
    if value.get("image"):  # its command is for that image
        reading.leave((*path, "command"), "it runs in another image")
        return None
    return {"command": command(value.get("command"))} if value.get("command") else None


def _deployment(reading: Reading, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    reading.leave_rest(path, value, ("minimum", "maximum"))
    section = {key: value[key] for key in ("minimum", "maximum") if key in value}
    maximum = section.get("maximum")
    if isinstance(maximum, int) and maximum < 100:
        reading.leave((*path, "maximum"), "below 100 there would be fewer processes than asked for")
        del section["maximum"]
    if section.get("minimum") == section.get("maximum") == 100:
        reading.leave(path, "with 100 and 100 nothing could ever be replaced")
        return None
    return section


def _termination(reading: Reading, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    reading.leave_rest(path, value, ("grace",))
    return {"grace": value["grace"]} if "grace" in value else None


def _domain(reading: Reading, path: Path, value: Any) -> Any:
    hosts = value.split(",") if isinstance(value, str) else value
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        return value
    for host in filter(interpolated, hosts):
        reading.leave(path, f"{host.strip()} is a variable of the environment: write the host itself")
    return [host.strip().lower() for host in hosts if host.strip() and not interpolated(host)] or None


Take = Callable[[Reading, Path, Any], Any]
TAKEN: dict[str, Take] = {
    "build": _build,
    "command": lambda _reading, _path, value: command(value),
    "deployment": _deployment,
    "domain": _domain,
    "environment": environment,
    "health": checks.health,
    "initContainer": _init_container,
    "liveness": checks.liveness,
    "port": checks.port,
    "ports": checks.ports,
    "scale": scaling.read,
    "termination": _termination,
}
