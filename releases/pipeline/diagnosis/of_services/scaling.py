"""Who decides how many processes run, and how many may go at once: autoscalers and disruption budgets. Pure."""

from collections.abc import Iterator
from typing import Any

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known, Object

# New processes have no figures for a moment.
BLIND_SECONDS = 120
# A budget allows nothing while a rollout replaces processes.
BLOCKED_SECONDS = 300


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    for service in reading.services:
        if service.deployment is None:
            continue
        for autoscaler in reading.reported.autoscalers:
            target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
            if target.get("kind") == "Deployment" and target.get("name") == service.deployment["metadata"]["name"]:
                yield from _at_maximum(service, autoscaler, known)
                yield from _blind(service, autoscaler, reading, known)
        for budget in reading.reported.budgets:
            if _selects(budget, service.deployment):
                yield from _blocks(service, budget, reading, known)


# --- Autoscalers ----------------------------------------------------------------------------------------------------


def _at_maximum(service: Service, autoscaler: Object, known: Known) -> Iterator[Finding]:
    limited = processes.condition(autoscaler, "ScalingLimited")
    if limited.get("status") != "True" or limited.get("reason") != "TooManyReplicas":
        return
    values = _values(autoscaler)
    at = f"its {values['maximum']} processes" if "maximum" in values else "its maximum of processes"
    figures = "; ".join(f"{each['metric']} is at {each['current']} of {each['target']}" for each in values["metrics"])
    yield Finding(
        "autoscaler_at_maximum",
        _subject(service),
        f"The autoscaler of {service.name} wants more than {at}" + (f": {figures}." if figures else "."),
        f"Raise the upper end of scale.count of {service.name}, or give each process more (scale.cpu, scale.memory).",
        severity="warning",
        values=values | {"message": limited.get("message", "")},
        command="deployer scale" + (f" -a {known.app}" if known.app else ""),
        page=known.paths.get("processes", ""),
        since=limited.get("lastTransitionTime", ""),
    )


def _blind(service: Service, autoscaler: Object, reading: Reading, known: Known) -> Iterator[Finding]:
    for kind in ("AbleToScale", "ScalingActive"):
        condition = processes.condition(autoscaler, kind)
        reason = condition.get("reason") or ""
        if condition.get("status") != "False" or reason == "ScalingDisabled":  # scaled to 0 by a person
            continue
        since = condition.get("lastTransitionTime", "")
        if (reading.age(since) or 0) < BLIND_SECONDS:
            continue
        words = condition.get("message") or reason or "it does not say why"
        yield Finding(
            "autoscaler_blind",
            _subject(service),
            f"The autoscaler of {service.name} can't scale it: {words}",
            f"Let each container of {service.name} ask for CPU and memory: of one that does not there is no share."
            if "missing request" in words
            else "See that the cluster's metrics server runs: kubectl top pods must answer."
            if "etric" in reason
            else f"Correct what the autoscaler of {service.name} names: its words say what is missing.",
            severity="warning",
            values=_values(autoscaler) | {"reason": reason, "message": condition.get("message", "")},
            command=_namespaced("kubectl top pods", autoscaler),
            page=known.paths.get("cluster", ""),
            since=since,
        )
        return


def _values(autoscaler: Object) -> dict[str, Any]:
    spec, status = autoscaler.get("spec") or {}, processes.status(autoscaler)
    values = {
        "autoscaler": autoscaler["metadata"]["name"],
        "minimum": spec.get("minReplicas"),
        "maximum": spec.get("maxReplicas"),
        "current": status.get("currentReplicas"),
        "desired": status.get("desiredReplicas"),
    }
    return {key: value for key, value in values.items() if value is not None} | {"metrics": _metrics(autoscaler)}


def _metrics(autoscaler: Object) -> list[dict[str, str]]:
    """Of each metric what it is at and what is aimed at, as the cluster says it: per cent, or an amount."""
    targets = {
        _metric_name(metric): _amount(metric, "target")
        for metric in _dicts((autoscaler.get("spec") or {}).get("metrics"))
    }
    return [
        {
            "metric": _metric_name(metric),
            "current": _amount(metric, "current"),
            "target": targets.get(_metric_name(metric), "?"),
        }
        for metric in _dicts(processes.status(autoscaler).get("currentMetrics"))
    ]


def _metric_name(metric: Object) -> str:
    part = _part(metric)
    named = part.get("metric")
    name = part.get("name") or (named.get("name") if isinstance(named, dict) else None)
    return str(name or metric.get("type") or "metric")


def _amount(metric: Object, key: str) -> str:
    found = _part(metric).get(key)
    if not isinstance(found, dict):
        return "?"
    if found.get("averageUtilization") is not None:
        return f"{found['averageUtilization']} %"
    return str(found.get("averageValue") or found.get("value") or "?")


def _part(metric: Object) -> Object:
    """What is said of it stands under a key of its type: `resource`, `pods`, `external`, …"""
    return next((part for part in metric.values() if isinstance(part, dict)), {})


def _dicts(found: Any) -> list[Object]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


# --- Disruption budgets ---------------------------------------------------------------------------------------------


def _blocks(service: Service, budget: Object, reading: Reading, known: Known) -> Iterator[Finding]:
    status = processes.status(budget)
    expected, healthy = status.get("expectedPods") or 0, status.get("currentHealthy") or 0
    seen = status.get("observedGeneration") or 0
    if status.get("disruptionsAllowed") != 0 or not expected or seen < (budget["metadata"].get("generation") or 0):
        return
    since = processes.condition(budget, "DisruptionAllowed").get("lastTransitionTime", "")
    for_good, seconds = healthy >= expected, reading.age(since)
    if (seconds is None and not for_good) or (seconds is not None and seconds < BLOCKED_SECONDS):
        return
    name, needed = budget["metadata"]["name"], status.get("desiredHealthy") or 0
    words = f"{healthy} of {expected} processes are healthy, and it wants {needed}"
    yield Finding(
        "budget_blocks",
        _subject(service),
        f"The disruption budget {name} lets no process of {service.name} go: {words}.",
        f"Scale {service.name} up, or let the budget {name} ask for fewer: else no node of it can be drained."
        if for_good
        else f"Mend the processes of {service.name} that are not healthy: until then no node of it can be drained.",
        severity="warning" if for_good else "info",
        values={"budget": name, **{key: value for key, value in status.items() if isinstance(value, int)}},
        command=f"deployer scale {service.name}={service_state.replicas(service.deployment or {}) + 1}"
        + (f" -a {known.app}" if known.app else "")
        if for_good
        else "",
        page=known.paths.get("processes", ""),
        since=since,
    )


def _selects(budget: Object, deployment: Object) -> bool:
    """By labels alone, as ours do; what else a stranger's may ask for is not weighed."""
    wanted = ((budget.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    template = (deployment.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    return bool(wanted) and wanted.items() <= labels.items()


def _subject(service: Service) -> Subject:
    return Subject("service", service.name, service.name)


def _namespaced(command: str, obj: Object) -> str:
    namespace = obj["metadata"].get("namespace")
    return f"{command} -n {namespace}" if namespace else command
