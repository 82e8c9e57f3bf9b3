"""Sets of fields, as managedFields hold them (`fieldsV1`; sigs.k8s.io/structured-merge-diff describes the format).

A set is a frozenset of paths; a path is a tuple of elements as they are written there: `f:spec`, `k:{"name":"web"}`,
`v:"example.com/finalizer"`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcluster.store.schema import ANY, ListOf, MapOf, Struct, Type

Path = tuple[str, ...]
Fields = frozenset[Path]

NOTHING: Fields = frozenset()


def encode(fields: Fields) -> dict[str, Any]:
    """The `fieldsV1` tree."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
    for path in fields:
        node = tree
        for element in path:
            node = node[element]
        if node:
            node["."] = {}
    return _sorted(tree)


def _sorted(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _sorted(tree[key]) for key in sorted(tree)}


def decode(tree: dict[str, Any]) -> Fields:
    """The set that a `fieldsV1` tree holds."""
    return frozenset(_members(tree, ()))


def _members(tree: dict[str, Any], path: Path) -> Iterator[Path]:
    for element, below in tree.items():
        if element == ".":
            yield path
        elif not below:
            yield (*path, element)
        else:
            yield from _members(below, (*path, element))


def children(type_: Type, value: Any) -> dict[str, tuple[Type, Any]] | None:
    """The parts of a value that are merged one by one, by path element; None if it is merged as one value."""
    if isinstance(value, dict) and isinstance(type_, Struct) and not type_.atomic:
        return {f"f:{name}": (type_.field(name) or ANY, part) for name, part in value.items()}
    if isinstance(value, dict) and isinstance(type_, MapOf) and not type_.atomic:
        return {f"f:{name}": (type_.element, part) for name, part in value.items()}
    if isinstance(value, list) and isinstance(type_, ListOf) and type_.relation != "atomic":
        return {item_element(type_, item): (type_.element, item) for item in value}
    return None


def item_element(type_: ListOf, item: Any) -> str:
    """The path element of an item of a list that is a set or a map."""
    if type_.relation == "set":
        return "v:" + json.dumps(item)
    defaults = dict(type_.key_defaults)
    keys = {key: item.get(key, defaults.get(key, "")) for key in sorted(type_.keys)}
    return "k:" + json.dumps(keys, separators=(",", ":"))


def of_object(type_: Type, value: Any) -> Fields:
    """The fields that somebody who applies this value owns."""
    return frozenset(_applied(type_, value, ()))


def _applied(type_: Type, value: Any, path: Path) -> Iterator[Path]:
    parts = children(type_, value)
    if parts is None:
        yield path
        return
    if not parts and isinstance(value, dict):
        yield path
    for element, (below, part) in parts.items():
        inner = (*path, element)
        if isinstance(type_, ListOf) or (isinstance(type_, MapOf) and isinstance(part, dict | list)):
            yield inner
        yield from _applied(below, part, inner)


@dataclass(frozen=True)
class Comparison:
    """What differs between two values."""

    added: Fields
    modified: Fields
    removed: Fields


def compare(type_: Type, old: Any, new: Any) -> Comparison:
    """How `new` differs from `old`."""
    added: set[Path] = set()
    modified: set[Path] = set()
    removed: set[Path] = set()

    def descend(part_type: Type, before: Any, after: Any, path: Path) -> None:
        if before == after:
            return
        old_parts, new_parts = children(part_type, before), children(part_type, after)
        if old_parts is None or new_parts is None:
            modified.add(path)
            return
        for element in old_parts.keys() | new_parts.keys():
            inner = (*path, element)
            if element not in old_parts:
                added.update(_all(*new_parts[element], inner))
            elif element not in new_parts:
                removed.update(_all(*old_parts[element], inner))
            else:
                descend(new_parts[element][0], old_parts[element][1], new_parts[element][1], inner)

    descend(type_, old, new, ())
    return Comparison(frozenset(added), frozenset(modified), frozenset(removed))


def _all(type_: Type, value: Any, path: Path) -> Iterator[Path]:
    """A value's own path and all below it."""
    yield path
    for element, (below, part) in (children(type_, value) or {}).items():
        yield from _all(below, part, (*path, element))


def closure(fields: Fields) -> set[Path]:
    """The paths, and all that lead to them."""
    return {path[:length] for path in fields for length in range(1, len(path) + 1)}


def shown(path: Path) -> str:
    """A path as messages write it: `.spec.template.spec.containers[name="web"].image`."""
    return "".join(_shown_element(element) for element in path)


def _shown_element(element: str) -> str:
    form, _, rest = element.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "v":
        return f"[={rest}]"
    keys = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items())
    return f"[{keys}]"
