"""Recorded requests, sent again; and what is compared of two answers to them."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parents[1] / "recordings"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UID = re.compile(r"(?!0{8})[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNLIKE = ("managedFields",)
"""What the recordings leave out."""

_HEADERS = ("content-type", "warning", "allow", "retry-after")
_NOBODY = "system:serviceaccount:errors:nobody"


def recorded(name: str) -> list[dict[str, Any]]:
    """The lines of a recording, `errors.jsonl` or the like."""
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


def send(client: httpx.Client, request: dict[str, Any], **replaced: str) -> httpx.Response:
    """Sends a recorded request; `replaced` names texts of the body that are others here (a uid)."""
    headers = dict(request.get("headers") or {})
    if request.get("contentType"):
        headers["content-type"] = request["contentType"]
    body = request.get("body")
    text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
    for old, new in replaced.items():
        text = text.replace(old, new)
    return client.request(request.get("method", "GET"), request["path"], content=text, headers=headers)


def plain(value: Any, key: str = "") -> Any:
    """A body without what differs from run to run: uids, times, resourceVersions, and who asked."""
    if isinstance(value, dict):
        return {name: plain(part, name) for name, part in value.items() if name not in _UNLIKE}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if key == "resourceVersion" and value:
        return "a version"
    if isinstance(value, str):
        value = _UID.sub("a uid", _TIME.sub("a time", value))
        return value.replace(_NOBODY, "system:anonymous")
    return value


def headers(given: Any) -> dict[str, str]:
    """The headers that say something about the answer, their names in lower case."""
    lower = {name.lower(): value for name, value in dict(given).items()}
    return {name: lower[name] for name in _HEADERS if name in lower}


def body(answer: httpx.Response) -> Any:
    """The body, parsed where it is JSON."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.json() if is_json else answer.text


def recorded_object(name: str) -> dict[str, Any]:
    """A recording that is one object."""
    found: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return found


def without(value: Any, paths: Iterable[str]) -> Any:
    """A body without some fields, which are named by paths such as `metadata.annotations`."""
    for path in paths:
        first, _, rest = path.partition(".")
        if isinstance(value, dict) and first in value:
            kept = {first: without(value[first], [rest])} if rest else {}
            value = {**{name: part for name, part in value.items() if name != first}, **kept}
    return value
