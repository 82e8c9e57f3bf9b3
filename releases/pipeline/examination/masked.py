"""No value of a variable leaves a diagnosis: what the cluster says in free words is masked before anything reads it, so
that no cut through a text leaves half of a value; and once more what was found."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from releases.logs import Mask
from releases.models.storable import storable
from releases.pipeline.diagnosis import Finding, Reported

Object = dict[str, Any]
# The cluster cuts what it takes over: 1024 bytes of an event, 2048 of a log as a termination message.
CUT_FROM, SIGN_MOST = 1000, 4  # bytes
DEPTH_MAX = 20
PARTS = ("deployments", "replica_sets", "pods", "jobs", "services", "ingresses", "autoscalers", "budgets", "claims")
WORDS = ("message", "note")


def objects(reported: Reported, mask: Mask) -> Reported:
    """With what is said in them masked. Names, reasons and what else is of the cluster's own making stay."""
    said = [text for obj in _told(reported) for text in _messages(obj)]
    # What was cut off may hold a part of a value only: those few are looked at with all of them.
    narrow = mask.narrowed(said)

    def hide(text: str) -> str:
        may_be_cut = len(text) * (1 if text.isascii() else SIGN_MOST) >= CUT_FROM
        hidden = mask.hide_part(text) if may_be_cut else narrow.hide(text)
        return hidden if hidden.isascii() and "\0" not in hidden else storable(hidden)

    hidden: dict[str, Any] = {name: [_in_status(obj, hide) for obj in getattr(reported, name)] for name in PARTS}
    hidden["events"] = [
        {key: hide(value) if _is_said(key, value) else value for key, value in event.items()}
        for event in reported.events
    ]
    return replace(reported, **hidden)


def findings(found: list[Finding], mask: Mask) -> tuple[Finding, ...]:
    """Names, commands and pages stay as they are: a variable may have the name of a service as its value."""
    return tuple(
        finding.but(
            observed=mask.hide(finding.observed),
            likely=mask.hide(finding.likely),
            values=_all(finding.values, mask.hide),
        )
        for finding in found
    )


def _told(reported: Reported) -> Iterator[Object]:
    for name in (*PARTS, "events"):
        yield from getattr(reported, name)


def _messages(obj: Any, depth: int = 0) -> Iterator[str]:
    for key, value in obj.items() if isinstance(obj, dict) else enumerate(obj):
        if _is_said(key, value):
            yield value
        elif isinstance(value, dict | list) and key != "spec" and key != "metadata" and depth < DEPTH_MAX:
            yield from _messages(value, depth + 1)


def _in_status(obj: Object, hide: Callable[[str], str]) -> Object:
    return {**obj, "status": _hidden(obj["status"], hide)} if "status" in obj else obj


def _hidden(value: Any, hide: Callable[[str], str], depth: int = 0) -> Any:
    if depth > DEPTH_MAX:
        return None
    if isinstance(value, dict):
        return {
            key: hide(part) if _is_said(key, part) else _hidden(part, hide, depth + 1) for key, part in value.items()
        }
    return [_hidden(part, hide, depth + 1) for part in value] if isinstance(value, list) else value


def _is_said(key: Any, value: Any) -> bool:
    return key in WORDS and isinstance(value, str)


def _all(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: _all(part, hide) for key, part in value.items()}
    return [_all(part, hide) for part in value] if isinstance(value, list | tuple) else value
