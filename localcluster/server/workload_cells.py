"""The tables of workloads and of what concerns them: Deployments, Jobs, autoscalers, disruption budgets, Events."""

from localcluster.server.cells import (
    NONE,
    TEMPLATE,
    UNKNOWN,
    UNSET,
    Cell,
    Column,
    Object,
    age,
    at,
    between,
    label_selector,
    name,
    selector,
    since,
    true_conditions,
)

_SHOWN_METRICS = 2


def _deployment_ready(obj: Object) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


def _job_state(job: Object) -> str:
    conditions = true_conditions(job)
    first = next((state for state in ("Complete", "Failed") if state in conditions), "")
    if first or "deletionTimestamp" in job["metadata"]:
        return first or "Terminating"
    return next(
        (state for state in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if state in conditions), "Running"
    )


def _completions(job: Object) -> str:
    done = job.get("status", {}).get("succeeded", 0)
    if job["spec"].get("completions") is not None:
        return f"{done}/{job['spec']['completions']}"
    parallelism = job["spec"].get("parallelism") or 0
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _job_duration(job: Object) -> str:
    status = job.get("status", {})
    start, end = status.get("startTime"), status.get("completionTime")
    if not start:
        return ""
    return between(start, end) if end else since(start)


def _last_schedule(cron_job: Object) -> str:
    last = cron_job.get("status", {}).get("lastScheduleTime")
    return since(last) if last else NONE


def _job_selector(cron_job: Object) -> str:
    return label_selector(cron_job["spec"].get("jobTemplate", {}).get("spec", {}).get("selector"))


def _reference(autoscaler: Object) -> str:
    target = autoscaler["spec"].get("scaleTargetRef", {})
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(autoscaler: Object) -> str:
    """`cpu: 10%/80%` for each metric; unknown where nothing is measured."""
    wanted = autoscaler["spec"].get("metrics") or []
    measured = autoscaler.get("status", {}).get("currentMetrics") or []
    if not wanted:
        return NONE
    shown = [_metric(metric, measured[place] if place < len(measured) else {}) for place, metric in enumerate(wanted)]
    text = ", ".join(shown[:_SHOWN_METRICS])
    return f"{text} + {len(shown) - _SHOWN_METRICS} more..." if len(shown) > _SHOWN_METRICS else text


def _metric(wanted: Object, measured: Object) -> str:
    kind = wanted.get("type", "")
    part = f"{kind[:1].lower()}{kind[1:]}"
    target, current = wanted.get(part, {}).get("target", {}), measured.get(part, {}).get("current", {})
    label = f"{wanted.get(part, {}).get('name', '')}: " if part in ("resource", "containerResource") else ""
    if target.get("averageUtilization") is not None:
        now = current.get("averageUtilization")
        return f"{label}{UNKNOWN if now is None else f'{now}%'}/{target['averageUtilization']}%"
    field, suffix = ("value", "") if target.get("value") else ("averageValue", "" if label else " (avg)")
    now = current.get(field)
    return f"{label}{UNKNOWN if now is None else now}/{target.get(field, UNKNOWN)}{suffix}"


def _event_object(event: Object) -> str:
    about = event.get("involvedObject", {})
    kind = about.get("kind", "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _first_seen(event: Object) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"))


def _last_seen(event: Object) -> str:
    series = event.get("series") or {}
    last = series.get("lastObservedTime") or event.get("lastTimestamp")
    return since(last) if last else _first_seen(event)


def _event_count(event: Object) -> Cell:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def _event_source(event: Object) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host and host != component else component


DEPLOYMENT = (
    Column("Name", name),
    Column("Ready", _deployment_ready),
    Column("Up-to-date", at("status", "updatedReplicas", default=0)),
    Column("Available", at("status", "availableReplicas", default=0)),
    Column("Age", age),
    *TEMPLATE,
    Column("Selector", selector, True),
)
REPLICA_SET = (
    Column("Name", name),
    Column("Desired", at("spec", "replicas", default=0), type="integer"),
    Column("Current", at("status", "replicas", default=0), type="integer"),
    Column("Ready", at("status", "readyReplicas", default=0), type="integer"),
    Column("Age", age),
    *TEMPLATE,
    Column("Selector", selector, True),
)
JOB = (
    Column("Name", name),
    Column("Status", _job_state),
    Column("Completions", _completions),
    Column("Duration", _job_duration),
    Column("Age", age),
    *TEMPLATE,
    Column("Selector", selector, True),
)
CRON_JOB = (
    Column("Name", name),
    Column("Schedule", at("spec", "schedule")),
    Column("Timezone", at("spec", "timeZone", default=NONE)),
    Column("Suspend", lambda obj: str(bool(obj["spec"].get("suspend")))),
    Column("Active", lambda obj: len(obj.get("status", {}).get("active") or []), type="integer"),
    Column("Last Schedule", _last_schedule),
    Column("Age", age),
    *TEMPLATE,
    Column("Selector", _job_selector, True),
)
AUTOSCALER = (
    Column("Name", name),
    Column("Reference", _reference),
    Column("Targets", _targets),
    Column("MinPods", lambda obj: str(obj["spec"].get("minReplicas", UNSET))),
    Column("MaxPods", at("spec", "maxReplicas", default=0)),
    Column("Replicas", at("status", "currentReplicas", default=0)),
    Column("Age", age),
)
DISRUPTION_BUDGET = (
    Column("Name", name),
    Column("Min Available", lambda obj: str(obj["spec"].get("minAvailable", "N/A"))),
    Column("Max Unavailable", lambda obj: str(obj["spec"].get("maxUnavailable", "N/A"))),
    Column("Allowed Disruptions", at("status", "disruptionsAllowed", default=0), type="integer"),
    Column("Age", age),
)
EVENT = (
    Column("Last Seen", _last_seen),
    Column("Type", at("type")),
    Column("Reason", at("reason")),
    Column("Object", _event_object),
    Column("Subobject", at("involvedObject", "fieldPath"), True),
    Column("Source", _event_source, True),
    Column("Message", lambda event: (event.get("message") or "").strip()),
    Column("First Seen", _first_seen, True),
    Column("Count", _event_count, True),
    Column("Name", name, True),
)
