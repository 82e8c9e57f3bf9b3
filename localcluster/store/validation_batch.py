"""What makes Jobs and CronJobs invalid."""

import zoneinfo
from collections.abc import Callable
from typing import Any

from localcluster.store.faults import Faults

Object = dict[str, Any]

CheckTemplate = Callable[[Object, str, Faults], None]
"""Checks a pod template at a path."""

_COUNTS = ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
_POLICIES = ("Allow", "Forbid", "Replace")
_LONGEST_CRON_NAME = 52
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_FIELDS = 5
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def check_job_spec(spec: Object, field: str, faults: Faults, check_template: CheckTemplate) -> None:
    for name in _COUNTS:
        faults.at_least_zero(f"{field}.{name}", spec.get(name))
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in ("NonIndexed", "Indexed"):
        faults.unsupported(f"{field}.completionMode", mode, ("Indexed", "NonIndexed"))
    if mode == "Indexed" and spec.get("completions") is None:
        faults.required(f"{field}.completions", "when completion mode is Indexed")
    template = spec["template"]
    if template["spec"].get("restartPolicy") == "Always":
        faults.required(f"{field}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    check_template(template, f"{field}.template", faults)


def check_job_kept(new: Object, old: Object, faults: Faults) -> None:
    """What of a Job's specification must stay. The template may change while a Job that never ran is suspended."""
    faults.immutable("spec.selector", new.get("selector"), old.get("selector"))
    faults.immutable("spec.completionMode", new.get("completionMode"), old.get("completionMode"))
    if new.get("completionMode") != "Indexed":
        faults.immutable("spec.completions", new.get("completions"), old.get("completions"))
    faults.immutable("spec.backoffLimitPerIndex", new.get("backoffLimitPerIndex"), old.get("backoffLimitPerIndex"))
    faults.immutable("spec.template", new["template"], old["template"])


def check_cron_job(obj: Object, faults: Faults, check_template: CheckTemplate) -> None:
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    if len(name) > _LONGEST_CRON_NAME:
        faults.invalid("metadata.name", name, "must be no more than 52 characters")
    schedule = spec.get("schedule", "")
    if not schedule:
        faults.required("spec.schedule")
    elif "TZ" in schedule:
        faults.invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif why := _schedule_fault(schedule):
        faults.invalid("spec.schedule", schedule, why)
    if "timeZone" in spec:
        _check_zone(spec["timeZone"], faults)
    if spec["concurrencyPolicy"] not in _POLICIES:
        faults.unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], _POLICIES)
    for count in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        faults.at_least_zero(f"spec.{count}", spec.get(count))
    check_job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", faults, check_template)


def _check_zone(zone: str, faults: Faults) -> None:
    try:
        known = bool(zone) and zone.lower() != "local" and zoneinfo.ZoneInfo(zone) is not None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        faults.invalid("spec.timeZone", zone, f"unknown time zone {zone}")


def _schedule_fault(schedule: str) -> str:
    """What is wrong with the text of a schedule, in the words of the cron library; "" if nothing is."""
    if schedule.startswith("@"):
        is_known = schedule in _DESCRIPTORS or schedule.startswith("@every ")
        return "" if is_known else f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) != _FIELDS:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for text, (low, high), names in zip(fields, _RANGES, ((), (), (), _MONTHS, _DAYS), strict=True):
        for part in text.split(","):
            if why := _part_fault(part, low, high, names):
                return why
    return ""


def _part_fault(part: str, low: int, high: int, names: tuple[str, ...]) -> str:
    span, _, step = part.partition("/")
    if "/" in part and not (step.isascii() and step.isdecimal() and int(step[:9])):
        return f"failed to parse int from {step}: strconv.Atoi: parsing {_quoted(step)}: invalid syntax"
    if span in ("*", "?"):
        return ""
    bounds = []
    for end in span.split("-"):
        if end.lower() in names:
            bounds.append(names.index(end.lower()) + low)
        elif end.isascii() and end.isdecimal():
            bounds.append(int(end[:9]))
        else:
            return f"failed to parse int from {end}: strconv.Atoi: parsing {_quoted(end)}: invalid syntax"
    if len(bounds) > len(("from", "to")):
        return f"too many hyphens: {part}"
    if bounds[0] < low:
        return f"beginning of range ({bounds[0]}) below minimum ({low}): {part}"
    if bounds[-1] > high:
        return f"end of range ({bounds[-1]}) above maximum ({high}): {part}"
    if bounds[0] > bounds[-1]:
        return f"beginning of range ({bounds[0]}) beyond end of range ({bounds[-1]}): {part}"
    return ""


def _quoted(text: str) -> str:
    return f'"{text}"'
