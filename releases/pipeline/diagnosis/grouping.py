"""Many findings to few: equal ones become one, the most important first, all of them bounded. Pure."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from releases.models.storable import storable
from releases.pipeline import meaning
from releases.pipeline.diagnosis.catalogue import ORDER
from releases.pipeline.diagnosis.finding import SEVERITIES, Finding, Lines, Subject, Told

FINDINGS, OTHERS, EVENTS, LINES, VALUES = 60, 20, 10, 20, 40
OBSERVED, HINT, MESSAGE, LINE, NAME, VALUE = 600, 300, 1000, 500, 300, 600
# Findings of one code mean the same if these of their values are equal.
KEYS = (
    "release",
    "image",
    "exit_code",
    "kind",
    "name",
    "key",
    "program",
    "volume",
    "probe",
    "port",
    "listens",
    "variable",
)

# A process that was killed may end with any code, or not have ended yet.
KEYS_OF = {"liveness_killed": ("release", "probe")}


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """Those that mean the same as one."""
    groups: dict[tuple[Any, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_meaning(finding), []).append(finding)
    return list(map(_merged, groups.values()))


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The most important first; at most FINDINGS."""
    return sorted(findings, key=_place)[:FINDINGS]


def bounded(findings: Iterable[Finding]) -> list[Finding]:
    return list(map(_bounded, findings))


def _place(finding: Finding) -> tuple[Any, ...]:
    subject = finding.subject
    severity = SEVERITIES.index(finding.severity)
    return severity, ORDER.get(finding.code, len(ORDER)), -finding.others_count, subject.service, subject.name


def _meaning(finding: Finding) -> tuple[Any, ...]:
    subject = finding.subject
    alone = "" if subject.kind == "process" else subject.name
    meant = tuple(str(finding.values.get(key, "")) for key in KEYS_OF.get(finding.code, KEYS))
    return finding.code, finding.severity, subject.kind, subject.service, subject.container, alone, meant


def _merged(group: list[Finding]) -> Finding:
    """That which ended most often speaks for all."""
    first, *others = sorted(group, key=lambda it: (-_count(it), it.subject.name))
    if not others:
        return first
    named = tuple(it.subject.name for it in others[:OTHERS])
    return first.but(others=first.others + named, others_count=first.others_count + len(others))


def _count(finding: Finding) -> int:
    count = finding.values.get("exits")
    return count if isinstance(count, int) else 0


# --- Bounds ---------------------------------------------------------------------------------------------------------


def _bounded(finding: Finding) -> Finding:
    subject = finding.subject
    return finding.but(
        subject=Subject(subject.kind, *(cut(it, NAME) for it in (subject.name, subject.service, subject.container))),
        observed=meaning.sentence(cut(finding.observed, OBSERVED)),
        hint=cut(finding.hint, HINT),
        likely=cut(finding.likely, HINT),
        command=cut(finding.command, HINT),
        values={cut(key, NAME): _value(value) for key, value in islice(finding.values.items(), VALUES)},
        events=tuple(map(_event, finding.events[-EVENTS:])),
        lines=_lines(finding.lines),
        others=tuple(cut(name, NAME) for name in finding.others[:OTHERS]),
    )


def cut(text: str, most: int) -> str:
    """As `meaning.cut`, of no more than may be kept, as every database keeps it."""
    return meaning.cut(storable(text[: 4 * most]), most)


def _event(told: Told) -> Told:
    return Told(
        cut(told.object, NAME),
        cut(told.reason, NAME),
        cut(told.message, MESSAGE),
        cut(told.type, NAME),
        told.count,
        cut(told.last, NAME),
    )


def _lines(found: tuple[Lines, ...]) -> tuple[Lines, ...]:
    """The last ones of all together."""
    left, kept = LINES, []
    for written in found:
        lines = written.lines[-left:] if left else ()
        left -= len(lines)
        if lines:
            texts = tuple(_line(line) for line in lines)
            kept.append(Lines(cut(written.process, NAME), cut(written.container, NAME), written.previous, texts))
    return tuple(kept)


def _line(text: str) -> str:
    """With its indentation: tracebacks have one."""
    text = storable(text[: 2 * LINE]).rstrip()
    return text if len(text) <= LINE else text[: LINE - 1] + "…"


def _value(value: Any, depth: int = 3) -> Any:
    """As JSON can hold it."""
    if isinstance(value, str):
        return cut(value, VALUE)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth and isinstance(value, dict):
        return {cut(str(key), NAME): _value(it, depth - 1) for key, it in islice(value.items(), VALUES)}
    if depth and isinstance(value, list | tuple):
        return [_value(it, depth - 1) for it in value[:VALUES]]
    return cut(str(value), VALUE)
