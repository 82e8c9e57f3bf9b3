"""Whether a service's Service object leads to processes that take requests. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.of_services.availability import STILL_SECONDS, is_still, ps
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known, Object


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    if "Service" in reading.reported.unread:
        return
    everywhere = _ready(reading.reported.pods)
    for service in reading.services:
        deployment = service.deployment
        if deployment is None or processes.is_ending(deployment) or not service_state.replicas(deployment):
            continue
        objects = _service_objects(service, reading)
        if not objects:
            yield from _missing_object(service, reading, known)
        for obj in objects:
            yield from _unserved(service, obj, everywhere, reading, known)


def _missing_object(service: Service, reading: Reading, known: Known) -> Iterator[Finding]:
    if not _has_port(service, known) or not _is_settled(service, reading, known):
        return
    ready = _ready(service.pods)
    words = f"The Service object {service.name} is missing: nothing leads to {_processes(len(ready), service)}."
    hint = f"Promote the release again: that makes the Service object {service.name} anew."
    yield _finding(service, words, hint, {"ready": len(ready)}, known)


def _unserved(
    service: Service, obj: Object, everywhere: list[Object], reading: Reading, known: Known
) -> Iterator[Finding]:
    """`everywhere`: the ready processes of the namespace: a Service object chooses among all."""
    selector, name = (obj.get("spec") or {}).get("selector") or {}, obj["metadata"]["name"]
    if not selector:  # it leads to where somebody else says
        return
    chosen = [pod for pod in everywhere if selector.items() <= (pod["metadata"].get("labels") or {}).items()]
    ready = _ready(service.pods)
    values = {"name": name, "selector": dict(selector), "ready": len(ready), "chosen": len(chosen)}
    if not chosen and ready:
        words = f"The selector of the Service object {name} finds nothing of {_processes(len(ready), service)}."
        hint = f"Somebody changed the Service object {name} or the processes' labels: promote the release again."
        yield _finding(service, words, hint, values, known)
    elif not chosen and is_still(service, reading):
        words = f"The Service object {name} has no ready process behind it: requests to {service.name} fail."
        hint = f"See what the processes of {service.name} say: none of them is ready."
        yield _finding(service, words, hint, values, known)
    elif chosen and (port := _missing_port(obj, chosen)):
        words = f"The Service object {name} leads to a port {port} that none of its ready processes has."
        hint = f"Somebody changed the Service object {name}: promote the release again."
        yield _finding(service, words, hint, values | {"port": port}, known)


def _finding(service: Service, words: str, hint: str, values: Mapping[str, Any], known: Known) -> Finding:
    subject, page = Subject("service", service.name, service.name), known.paths.get("processes", "")
    return Finding("no_endpoint", subject, words, hint, values=values, command=ps(known), page=page)


def _service_objects(service: Service, reading: Reading) -> list[Object]:
    """Those of this service: ours by label, else that of its name."""
    objects = reading.reported.services
    return [obj for obj in objects if processes.service(obj) == service.name] or [
        obj for obj in objects if obj["metadata"]["name"] == service.name
    ]


def _ready(pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if processes.is_ready(pod) and not processes.is_going(pod)]


def _missing_port(obj: Object, pods: list[Object]) -> str:
    """The name of a target port that none of `pods` has; "" if each is there. A number is always right."""
    there = {
        port.get("name")
        for pod in pods
        for container in (pod.get("spec") or {}).get("containers") or []
        for port in container.get("ports") or []
    }
    wanted = [port.get("targetPort") for port in (obj.get("spec") or {}).get("ports") or []]
    return next((name for name in wanted if isinstance(name, str) and name not in there), "")


def _has_port(service: Service, known: Known) -> bool:
    """Whether the release has a Service object for it; without a manifest that is not known."""
    wanted = ((known.manifest or {}).get("services") or {}).get(service.name)
    return isinstance(wanted, Mapping) and bool(wanted.get("port") or wanted.get("ports"))


def _is_settled(service: Service, reading: Reading, known: Known) -> bool:
    """A Service object is made before its Deployment is written: once nothing rolls it must be there."""
    if known.rollout is not None and not known.rollout.is_over:
        return False
    age = reading.age(((service.deployment or {}).get("metadata") or {}).get("creationTimestamp"))
    return age is not None and age >= STILL_SECONDS


def _processes(count: int, service: Service) -> str:
    if not count:
        return f"the processes of {service.name}"
    return f"the ready process of {service.name}" if count == 1 else f"the {count} ready processes of {service.name}"
