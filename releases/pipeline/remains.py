"""What differs from the state before although everything was applied again, and who left it there. Pure.

A forced apply takes back the fields that we own; a field that somebody added beside them stays (`kubectl set env`).
"""

import json
from collections.abc import Iterator
from typing import Any

from releases.pipeline.manifests import RESTARTED

Object = dict[str, Any]
Path = tuple[str, ...]
OURS = {"deployer", "deployer-scale", "deployer-restart"}
ABSENT = object()


def of(before: Object, live: Object) -> list[str]:
    """One entry per field of the live Deployment's template that is not as it was `before`, with its owner. That a
    person has had its processes replaced is no difference."""
    entries = live["metadata"].get("managedFields") or []
    differences = _differences(_unmarked(before), _unmarked(live["spec"]["template"]), ())
    return [_words(path, _owners(path, entries)) for path in differences]


def strangers(live: Object) -> list[str]:
    """Who else than we wrote something of the live Deployment's template."""
    return _owners((), live["metadata"].get("managedFields") or [])


def _unmarked(template: Object) -> Object:
    metadata = dict(template.get("metadata") or {})
    kept = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != RESTARTED}
    return {**template, "metadata": metadata | ({"annotations": kept} if kept else {})}


def _differences(before: Any, after: Any, path: Path) -> Iterator[Path]:
    """Places where the two differ; of something that only one has, its root."""
    if isinstance(before, list) and isinstance(after, list):
        before, after = _by_name(before), _by_name(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif before is ABSENT or after is ABSENT or before != after:
        yield path


def _by_name(items: list) -> Any:
    """Containers, variables and volumes are known by their names; any other list counts as a whole."""
    if all(isinstance(item, dict) and "name" in item for item in items):
        return {f"[{item['name']}]": item for item in items}
    return items


def _owners(path: Path, entries: list[Object]) -> list[str]:
    """The strangers who own the field, or something of it."""
    found = {entry.get("manager") or "somebody" for entry in entries if _has(entry.get("fieldsV1") or {}, path)}
    return sorted(found - OURS)


def _has(fields: Object, path: Path) -> bool:
    place: Any = fields
    for step in ("spec", "template", *path):
        place = _below(place, step)
        if place is None:
            return False
        if not place:  # owned as a whole
            return True
    return True


def _below(fields: Any, step: str) -> Object | None:
    if not isinstance(fields, dict):
        return None
    if not step.startswith("["):
        return fields.get(f"f:{step}")
    for key, below in fields.items():
        if key.startswith("k:") and json.loads(key[2:]).get("name") == step[1:-1]:
            return below
    return None


def _words(path: Path, owners: list[str]) -> str:
    field = ".".join(path).replace(".[", "[")
    return f"{field} (set by {', '.join(owners)})" if owners else field
