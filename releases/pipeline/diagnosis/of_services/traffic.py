"""Whether an app's hosts lead somewhere: its Ingresses, against the Service objects that are there. Pure."""

from collections.abc import Iterator

from releases.pipeline import manifests, processes
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading
from releases.pipeline.diagnosis.reported import Known, Object

HOSTS_SHOWN = 5


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    """None while a rollout may be between its Service objects and its Ingresses."""
    if "Service" in reading.reported.unread or (known.rollout and not known.rollout.is_over):
        return
    ports = {obj["metadata"]["name"]: _ports(obj) for obj in reading.reported.services}
    for ingress in reading.reported.ingresses:
        if not _is_ours(ingress) or processes.is_ending(ingress):
            continue
        missing: dict[tuple[str, str], list[str]] = {}
        for host, service, port in _backends(ingress):
            if what := _missing(service, port, ports):
                missing.setdefault((service, what), []).append(host or "any host")
        for (service, what), hosts in missing.items():
            yield _finding(ingress, service, what, list(dict.fromkeys(hosts)), known)


def _finding(ingress: Object, service: str, what: str, hosts: list[str], known: Known) -> Finding:
    shown = ", ".join(hosts[:HOSTS_SHOWN]) + (
        f" and {len(hosts) - HOSTS_SHOWN} more" if len(hosts) > HOSTS_SHOWN else ""
    )
    own = ingress["metadata"]["name"] == manifests.OWN_DOMAINS
    hint = (
        f"Point {shown} to a service that has a port, or remove it from the app's domains."
        if own
        else f"Give {service} a port in the manifest and promote, or take the domain away from it."
    )
    return Finding(
        "ingress_without_backend",
        Subject("ingress", ingress["metadata"]["name"], service),
        f"Requests for {shown} lead nowhere: {what}.",
        hint,
        values={"hosts": hosts, "service_object": service},
        page=known.paths.get("settings", ""),
    )


def _missing(service: str, port: str | int, ports: dict[str, set[str | int]]) -> str:
    """What is not there, in words; "" if all is."""
    if service not in ports:
        return f"the Service object {service} is not there"
    if port and port not in ports[service]:
        return f"the Service object {service} has no port {port}"
    return ""


def _ports(obj: Object) -> set[str | int]:
    """By name and by number."""
    found = (obj.get("spec") or {}).get("ports") or []
    return {port[key] for port in found for key in ("name", "port") if port.get(key)}


def _backends(ingress: Object) -> Iterator[tuple[str, str, str | int]]:
    """Host, Service object, its port by name or number; what leads to no Service object is left out."""
    spec = ingress.get("spec") or {}
    named = [("", spec.get("defaultBackend") or {})]
    for rule in spec.get("rules") or []:
        paths = (rule.get("http") or {}).get("paths") or []
        named += [(rule.get("host") or "", path.get("backend") or {}) for path in paths]
    for host, backend in named:
        service = backend.get("service") or {}
        if service.get("name"):
            port = service.get("port") or {}
            yield host, service["name"], port.get("name") or port.get("number") or ""


def _is_ours(obj: Object) -> bool:
    return (obj["metadata"].get("labels") or {}).get(manifests.MANAGED_BY) == manifests.MANAGER
