"""Why no further process of a service may be created: quota, admission, or a namespace that goes. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from releases.pipeline import meaning, processes, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known

CODES = {"quota": "quota_exceeded", "admission": "admission_denied", "deleted": "namespace_deleted"}
QUOTA = re.compile(r"(?:exceeded|failed) quota: (?P<quota>[^\s,:]+)")
AMOUNTS = re.compile(r"\b(requested|used|limited): ((?:[\w./-]+=[\w.]+,?)+)")
# Whose rule it is, in the words of the API server.
RULES = (
    ("admission webhook", re.compile(r'admission webhook "([^"]+)"')),
    ("admission webhook", re.compile(r'failed calling webhook "([^"]+)"')),
    ("admission policy", re.compile(r"ValidatingAdmissionPolicy '([^']+)'")),
    ("pod security standard", re.compile(r'violates PodSecurity "([^"]+)"')),
)


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    """One a service; of a namespace that is being deleted one for all."""
    going = False
    for service in reading.services:
        finding = _refusal(service, reading, known)
        if finding and finding.code == "namespace_deleted":
            if not going:
                yield finding
            going = True
        elif finding:
            yield finding


def _refusal(service: Service, reading: Reading, known: Known) -> Finding | None:
    """None while what refuses may pass by itself: as long as a rollout has patience with it."""
    words = service_state.refusal(service.state)
    if not words or service_state.is_complete(service.state):
        return None
    refused = meaning.refusal(words, hopeless=service_state.is_hopeless(service.state))
    since = _since(service)
    patience = min(refused.seconds, 0.8 * service.deadline)  # no longer than its rollout would wait
    if not _is_given_up(service, known, refused.cause) and patience > (reading.age(since) or 0):
        return None
    code = CODES.get(refused.cause, "processes_refused")
    subject = Subject("service", service.name, service.name)
    values: dict[str, Any] = {"message": words, **_available(service)}
    if code == "namespace_deleted":
        subject = Subject("app", known.app or _namespace(service))
        return Finding(
            code, subject, f"The cluster creates nothing there any more: {words}", refused.hint, values=values
        )
    observed, hint, command = f"{service.name} gets no new process: {words}", refused.hint, ""
    if code == "quota_exceeded":
        values |= _quota(words)
        observed, hint, command = _no_room(service, words, values, refused.hint, known)
    elif code == "admission_denied":
        values |= _rule(words)
        if rule := values.get("rule"):
            observed = f"{service.name} gets no new process: the {values['kind']} {rule} forbids it: {words}"
            hint = f"Do as the {values['kind']} {rule} says, or ask who runs the cluster for an exception."
        if "failed calling webhook" in words:
            observed = f"{service.name} gets no new process: the admission webhook {rule} does not answer: {words}"
            hint = f"Start what answers the admission webhook {rule}, or ask who runs the cluster to remove it."
    return Finding(
        code, subject, observed, hint, values=values, command=command, events=_events(service, reading), since=since
    )


def _is_given_up(service: Service, known: Known, cause: str) -> bool:
    """The verdict has fallen for it, or the cluster waits no longer: no time is left in which it may pass."""
    rollout = known.rollout
    fallen = rollout is not None and rollout.cause == cause and rollout.status in ("rolling", "failed")
    return fallen or service.gave_up


def _no_room(service: Service, words: str, values: dict[str, Any], hint: str, known: Known) -> tuple[str, str, str]:
    """Observed, hint, command."""
    name, requested = values.get("quota", ""), values.get("requested") or {}
    used, limited = values.get("used") or {}, values.get("limited") or {}
    if "failed quota" in words:
        asks = f"Set the request or limit that the quota {name} asks for, or give the namespace a default for it."
        return f"{service.name} gets no new process: {words}", asks, ""
    amounts = [
        f"{amount} {resource} more, {used.get(resource, '?')} of {limited.get(resource, '?')} are used"
        for resource, amount in requested.items()
    ]
    if not amounts:
        return f"{service.name} gets no new process: {words}", hint, ""
    observed = f"{service.name} gets no new process: the quota {name} has no room for {'; '.join(amounts)}."
    wanted = service_state.replicas(service.deployment or {})
    less = f"deployer scale {service.name}={wanted - 1}" + (f" -a {known.app}" if known.app else "")
    return (
        observed,
        f"Raise the quota {name} of the namespace, or make room: scale something down.",
        (less if wanted > 1 else ""),
    )


def _quota(words: str) -> dict[str, Any]:
    """`requested`, `used`, `limited`: resource → amount, as the cluster writes them."""
    named = QUOTA.search(words)
    values: dict[str, Any] = {"quota": named["quota"]} if named else {}
    for key, amounts in AMOUNTS.findall(words):
        pairs = (pair.partition("=") for pair in amounts.strip(",").split(","))
        values[key] = {resource: amount for resource, _, amount in pairs}
    return values


def _rule(words: str) -> dict[str, Any]:
    for kind, pattern in RULES:
        if named := pattern.search(words):
            return {"kind": kind, "rule": named[1]}
    return {}


def _since(service: Service) -> str:
    failure = processes.condition(service.current or {}, "ReplicaFailure")
    failure = failure or processes.condition(service.deployment or {}, "Progressing")
    return failure.get("lastTransitionTime") or ""


def _available(service: Service) -> dict[str, int]:
    status = processes.status(service.deployment or {})
    return {
        "desired": service_state.replicas(service.deployment or {}),
        "available": status.get("availableReplicas") or 0,
    }


def _events(service: Service, reading: Reading) -> tuple:
    told = reading.told((service.current or service.deployment or {}).get("metadata", {}).get("uid", ""))
    return tuple(event for event in told if event.reason in ("FailedCreate", "ReplicaSetCreateError"))


def _namespace(service: Service) -> str:
    return ((service.deployment or {}).get("metadata") or {}).get("namespace") or ""
