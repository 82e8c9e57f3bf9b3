"""The timers of a convox.yml."""

from typing import Any

from releases.pipeline.convox_yml.commands import command
from releases.pipeline.convox_yml.reading import Reading

LEFT = {"annotations": "annotations are Deployer's own"}


def read(reading: Reading, timers: dict[Any, Any], *, without: set[str]) -> dict[Any, Any]:
    """`without`: the services that are left out, and their timers with them."""
    found = {}
    for name, timer in timers.items():
        path = ("timers", name)
        if not isinstance(timer, dict):
            found[name] = timer
        elif str(timer.get("service")) in without:
            reading.leave(path, f"its service {timer['service']} is")
        else:
            found[name] = _timer(reading, path, timer)
    return found


def _timer(reading: Reading, path: tuple, timer: dict[Any, Any]) -> dict[str, Any]:
    taken = {key: timer[key] for key in ("schedule", "command", "service") if key in timer}
    if "command" in taken:
        taken["command"] = command(taken["command"])
    if isinstance(taken.get("schedule"), str):
        taken["schedule"] = _schedule(taken["schedule"])
    if timer.get("concurrency", "Forbid") != "Forbid":
        reading.leave((*path, "concurrency"), "a timer never runs twice at once")
    if timer.get("parallelCount", 1) != 1:
        reading.leave((*path, "parallelCount"), "a timer is one process")
    reading.leave_rest(path, timer, [*taken, "concurrency", "parallelCount"], LEFT)
    return taken


def _schedule(schedule: str) -> str:
    """Of the six fields of older files the year is left out, as Convox does; and any day is `*`."""
    fields = schedule.split()
    return " ".join("*" if field == "?" else field for field in (fields[:5] if len(fields) == 6 else fields))
