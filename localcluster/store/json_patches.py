"""JSON patches (RFC 6902), all or nothing."""

import copy
import json
from typing import Any

from localcluster.errors import BadRequest, StatusError

_MOST_OPERATIONS = 10_000
_MOST_COPIED = 3 * 1024 * 1024
"""Bytes: copies of copies grow without end."""
_MOST_MOVED = 50_000_000
"""Items of lists that insertions and removals may shift, all together."""


def json_patch(value: Any, operations: Any) -> Any:
    """`value` after a JSON patch; it is not changed itself.

    Raises BadRequest for what is no patch, StatusError (413) for too many operations, StatusError (422) for an
    operation that cannot be done: the API server does not say which.
    """
    _check(operations)
    document = _Document(copy.deepcopy(value))
    for operation in operations:
        try:
            document.do(operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            message = "the server rejected our request due to an error in our request"
            raise StatusError(422, "Invalid", message, {}) from None
    return document.value


def _check(operations: Any) -> None:
    names = {dict: "object", str: "string", int: "number", float: "number", bool: "bool"}
    if not isinstance(operations, list):
        found = names.get(type(operations), "null")
        raise BadRequest(f"json: cannot unmarshal {found} into Go value of type jsonpatch.Patch")
    for operation in operations:
        if not isinstance(operation, dict):
            found = names.get(type(operation), "array")
            raise BadRequest(f"json: cannot unmarshal {found} into Go value of type jsonpatch.Operation")
    if len(operations) > _MOST_OPERATIONS:
        limit = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(operations)}"
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {limit}", {})


class _Document:
    """The document while it is being patched, and how much work has gone into it."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._copied = self._moved = 0

    def do(self, operation: dict[str, Any]) -> None:
        """Raises KeyError, IndexError, ValueError, TypeError where the operation does not fit."""
        name, path = operation["op"], _steps(operation["path"])
        if name == "add":
            self._add(path, operation["value"])
        elif name == "replace":
            self._replace(path, operation["value"])
        elif name == "remove":
            self._take(path)
        elif name == "test":
            if not _equal(self._read(path), operation.get("value")):
                raise ValueError("test failed")
        elif name == "move":
            source = _steps(operation["from"])
            if path[: len(source)] == source and path != source:
                raise ValueError("moved into itself")
            self._add(path, self._take(source))
        elif name == "copy":
            self._add(path, self._copy(_steps(operation["from"])))
        else:
            raise ValueError(name)

    def _read(self, steps: list[str]) -> Any:
        found = self.value
        for step in steps:
            found = found[_index(found, step)]
        return found

    def _copy(self, steps: list[str]) -> Any:
        text = json.dumps(self._read(steps))
        self._copied += len(text)
        if self._copied > _MOST_COPIED:
            raise ValueError("too much copied")
        return json.loads(text)

    def _add(self, steps: list[str], value: Any) -> None:
        if not steps:
            self.value = value
            return
        parent = self._read(steps[:-1])
        if isinstance(parent, list):
            self._shift(parent)
            parent.insert(len(parent) if steps[-1] == "-" else _index(parent, steps[-1], past_end=True), value)
        else:
            parent[_index(parent, steps[-1])] = value

    def _replace(self, steps: list[str], value: Any) -> None:
        self._read(steps)
        if not steps:
            self.value = value
            return
        parent = self._read(steps[:-1])
        parent[_index(parent, steps[-1])] = value

    def _take(self, steps: list[str]) -> Any:
        if not steps:
            raise ValueError("the whole document")
        parent = self._read(steps[:-1])
        if isinstance(parent, list):
            self._shift(parent)
        return parent.pop(_index(parent, steps[-1]))

    def _shift(self, parent: list[Any]) -> None:
        self._moved += len(parent)
        if self._moved > _MOST_MOVED:
            raise ValueError("too much moved")


def _steps(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _index(parent: Any, step: str, *, past_end: bool = False) -> Any:
    if not isinstance(parent, list):
        if not isinstance(parent, dict):
            raise TypeError
        return step
    if not (step.isascii() and step.isdecimal() and len(step) < 9):
        raise IndexError
    place = int(step)
    if place > len(parent) - (0 if past_end else 1):
        raise IndexError
    return place


def _equal(one: Any, other: Any) -> bool:
    """As JSON values: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
