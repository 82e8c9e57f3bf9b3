"""The single values that a manifest is made of: names, commands, numbers, and what each may be."""

import posixpath
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints

COUNT_MAX = 1000
# A CronJob's name; the cluster adds eleven characters for each Job of it.
TIMER_NAME_MAX = 52


@dataclass(frozen=True)
class Range:
    """How many processes: at first `least`; where there is a `most`, an autoscaler chooses between them."""

    least: int
    most: int | None = None


def _count(value: Any) -> Range:
    """`3` or `2-10`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
        return Range(value)
    ends = re.fullmatch(r"([0-9]{1,5}) ?- ?([0-9]{1,5})", value) if isinstance(value, str) else None
    if not ends:
        raise ValueError(f"is a whole number from 0 to {COUNT_MAX}, or a range such as 2-10")
    least, most = int(ends[1]), int(ends[2])
    if not 1 <= least < most <= COUNT_MAX:
        raise ValueError(f"is a range that must rise, from 1 or more to {COUNT_MAX} or less")
    return Range(least, most)


def _command(value: Any) -> Any:
    """A command line is split as a shell would split it, but no shell runs it; a list is taken as it is."""
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"can't be split into words: {error}") from error
    if not words:
        raise ValueError("is empty")
    return words


def _environment(value: Any) -> Any:
    """`[NAME, OTHER=default]` → {"NAME": None, "OTHER": "default"}."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("is a list of NAME (required) or NAME=default")
    pairs = [entry.partition("=") for entry in value]
    return {name: default if equals else None for name, equals, default in pairs}


def _schedule(value: str) -> str:
    """Five fields that mean the same to every scheduler: a cluster's knows neither `L`, `#` nor a Sunday called 7."""
    fields = value.split()
    if len(fields) != 5:
        raise ValueError("has five fields: minute, hour, day of the month, month, day of the week")
    known = all(re.fullmatch(r"[0-9A-Z*,/-]+", field, re.IGNORECASE) for field in fields)
    if not known or "L" in value.upper().replace("JUL", ""):
        raise ValueError("has a sign that a cluster's schedule does not know: digits, names, * , - and / it does")
    if re.search(r"(?<![0-9/])7", fields[4]):
        raise ValueError("calls a Sunday 7: a cluster calls it 0")
    try:
        next(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"is no schedule that ever comes: {str(error).lower()}") from error
    return " ".join(fields)


def _mount_path(value: str) -> str:
    if value.strip("/") == "" or posixpath.normpath(value).lstrip("/") != value.strip("/"):
        raise ValueError("is a folder's absolute path below /, without . and ..")
    return "/" + value.strip("/")


def _host(value: str) -> str:
    if re.fullmatch(r"[0-9.]+", value):
        raise ValueError("is a host's name, not its address")
    return value


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40)]
TimerName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=TIMER_NAME_MAX)]
# What an IANA service may be called: a letter somewhere, no two hyphens side by side.
PortName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=15)]
SecretName = Annotated[str, StringConstraints(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Domain = Annotated[
    str,
    StringConstraints(pattern=rf"^(\*\.)?{_LABEL}(\.{_LABEL})+$", max_length=253),
    AfterValidator(_host),
]
Path = Annotated[str, StringConstraints(pattern=r"^/[^\s]*$", max_length=1000)]
MountPath = Annotated[str, StringConstraints(pattern=r"^/[^\s:]*$", max_length=1000), AfterValidator(_mount_path)]
Image = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=1000)]
Command = Annotated[list[str], BeforeValidator(_command), Field(min_length=1)]
Environment = Annotated[dict[VariableName, str | None], BeforeValidator(_environment)]
Schedule = Annotated[str, StringConstraints(max_length=200), AfterValidator(_schedule)]
Count = Annotated[Range, PlainValidator(_count)]
PortNumber = Annotated[int, Field(strict=True, ge=1, le=65_535)]
PerCent = Annotated[int, Field(strict=True, ge=1, le=100)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=86_400)]
SomeSeconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]
