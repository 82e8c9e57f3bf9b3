"""How many processes a service of a convox.yml has, and how large they are."""

import re
from typing import Any

from releases.pipeline.convox_yml.reading import Reading

Path = tuple[Any, ...]
Section = dict[Any, Any]

LEFT = {
    "gpu": "processors of other kinds can't be asked for",
    "keda": "the cluster's own autoscaler is used",
    "limit": "memory is limited to what is asked for, and processor time is not",
    "vpa": "a process has the size that is written here",
}
LEFT_OF_TARGETS = {
    "custom": "a target is a share of cpu or memory",
    "external": "a target is a share of cpu or memory",
    "requests": "a target is a share of cpu or memory",
}


def read(reading: Reading, path: Path, value: Any) -> Any:
    """`3`, `1-3` or a section."""
    if not isinstance(value, dict):
        return {"count": _count(reading, path, value, targets={})}
    reading.leave_rest(path, value, ("count", "cpu", "memory", "targets"), LEFT)
    section = {key: value[key] for key in ("cpu", "memory") if value.get(key)}
    targets = value.get("targets") or {}
    if not isinstance(targets, dict):
        return {**section, "targets": targets}
    taken = {key: targets[key] for key in ("cpu", "memory") if targets.get(key)}
    reading.leave_rest((*path, "targets"), targets, ("cpu", "memory"), LEFT_OF_TARGETS)
    if "count" in value:
        section["count"] = _count(reading, (*path, "count"), value["count"], targets=taken)
    if isinstance(section.get("count"), str) and taken:
        section["targets"] = taken
    elif taken:
        reading.leave((*path, "targets"), "the number of processes is fixed")
    return section


def _count(reading: Reading, path: Path, value: Any, *, targets: Section) -> Any:
    """A whole number, or a range where targets say when it changes; else as it is, for its fault to be told."""
    ends = _ends(value)
    if ends is None:
        return value
    least, most = ends
    if least >= most:
        return least
    if not targets:
        reading.remark(path, f"a range without a target of cpu or memory, so there are {least}")
        return least
    if least < 1:
        reading.remark(path, "an autoscaler keeps at least 1")
    return f"{max(least, 1)}-{most}" if most > 1 else 1


def _ends(value: Any) -> tuple[int, int] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, dict):
        least, most = value.get("min", 0), value.get("max", value.get("min", 0))
        return _ends(f"{least}-{most}")
    found = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", str(value))
    return (int(found[1]), int(found[2] or found[1])) if found else None
