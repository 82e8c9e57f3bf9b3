"""The three patches: merge (RFC 7386), JSON (RFC 6902), and strategic merge (Kubernetes documentation, "Update API
Objects in Place").

None changes its arguments.
"""

import copy
from typing import Any

from localcluster.errors import BadRequest, StatusError
from localcluster.store.schema import ANY, ListOf, MapOf, Struct, Type

_MOST_OPERATIONS = 10_000


def merge(value: Any, patch: Any) -> Any:
    """`value` after a merge patch: null removes, maps are merged, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), change)
    return merged


def strategic(type_: Type, value: Any, patch: Any) -> Any:
    """`value` after a strategic merge patch: as a merge patch, but lists with a merge key are merged item by item."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: change for key, change in patch.items() if key != "$patch"}
    if directive not in (None, "merge", "delete"):
        raise BadRequest(f"unrecognized patch type: {directive}")
    if directive == "delete":
        return {}
    merged = dict(value) if isinstance(value, dict) else {}
    if isinstance(patch.get("$retainKeys"), list):
        merged = {key: part for key, part in merged.items() if key in patch["$retainKeys"]}
    for key, change in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            merged[name] = [item for item in merged.get(name) or [] if item not in change]
        elif not key.startswith("$"):
            _change(type_, merged, key, change, patch.get(f"$setElementOrder/{key}"))
    return merged


def _change(type_: Type, merged: dict[str, Any], key: str, change: Any, order: Any) -> None:
    field = _part(type_, key)
    if change is None:
        merged.pop(key, None)
    elif isinstance(change, list) and isinstance(field, ListOf) and field.merge_key:
        merged[key] = _merged_list(field, merged.get(key) or [], change, order)
    else:
        merged[key] = strategic(field, merged.get(key), change)


def _part(type_: Type, key: str) -> Type:
    if isinstance(type_, Struct):
        return type_.field(key) or ANY
    return type_.element if isinstance(type_, MapOf) else ANY


def _merged_list(type_: ListOf, value: list[Any], patch: list[Any], order: Any) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and item.get("$patch") == "replace")]
    key = type_.merge_key
    if key == "=":
        return list(dict.fromkeys([*value, *patch]))
    merged = list(value)
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise BadRequest(f"map: {change} does not contain declared merge key: {key}")
        place = next((i for i, item in enumerate(merged) if item.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            merged = [item for item in merged if item.get(key) != change[key]]
        elif place is None:
            merged.append(strategic(type_.element, {}, change))
        else:
            merged[place] = strategic(type_.element, merged[place], change)
    return _ordered(merged, key, order)


def _ordered(items: list[Any], key: str, order: Any) -> list[Any]:
    """In the order that `$setElementOrder` names; items that it does not name keep their place before what follows
    them."""
    if not isinstance(order, list):
        return items
    wanted = [entry.get(key) for entry in order if isinstance(entry, dict)]
    named = {item[key]: item for item in items if item[key] in wanted}
    queue = [named[name] for name in wanted if name in named]
    return [queue.pop(0) if item[key] in named else item for item in items]


def json_patch(value: Any, operations: Any) -> Any:
    """`value` after a JSON patch. Raises StatusError (422) for an operation that cannot be done, BadRequest for no
    patch."""
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise BadRequest("json: cannot unmarshal patch: expected an array of operations")
    if len(operations) > _MOST_OPERATIONS:
        raise StatusError(
            413,
            "RequestEntityTooLarge",
            f"Request entity too large: The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, "
            f"got {len(operations)}",
            {},
        )
    document = copy.deepcopy(value)
    for operation in operations:
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            raise _cannot_be_done() from None
    return document


def _cannot_be_done() -> StatusError:
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def _operate(document: Any, operation: dict[str, Any]) -> Any:
    name, path = operation["op"], _steps(operation["path"])
    if name in ("add", "replace"):
        if name == "replace":
            _read(document, path)
        return _write(document, path, operation["value"], replace=name == "replace")
    if name == "remove":
        _take(document, path)
        return document
    if name == "test":
        if _read(document, path) != operation.get("value"):
            raise ValueError
        return document
    source = _steps(operation["from"])
    if name == "move":
        return _write(document, path, _take(document, source))
    if name == "copy":
        return _write(document, path, copy.deepcopy(_read(document, source)))
    raise ValueError(name)


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _read(document: Any, steps: list[str]) -> Any:
    for step in steps:
        document = document[_index(document, step)]
    return document


def _write(document: Any, steps: list[str], value: Any, *, replace: bool = False) -> Any:
    if not steps:
        return value
    parent = _read(document, steps[:-1])
    if isinstance(parent, list) and not replace:
        parent.insert(len(parent) if steps[-1] == "-" else _index(parent, steps[-1], past_end=True), value)
    else:
        parent[_index(parent, steps[-1])] = value
    return document


def _take(document: Any, steps: list[str]) -> Any:
    if not steps:
        raise ValueError
    parent = _read(document, steps[:-1])
    return parent.pop(_index(parent, steps[-1]))


def _index(parent: Any, step: str, *, past_end: bool = False) -> Any:
    if not isinstance(parent, list):
        if not isinstance(parent, dict):
            raise TypeError
        return step
    place = int(step)
    if not step.isdecimal() or place > len(parent) - (0 if past_end else 1):
        raise IndexError
    return place
