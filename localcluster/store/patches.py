"""Merge patches (RFC 7386) and strategic merge patches (Kubernetes documentation, "Update API Objects in Place").

None changes its arguments.
"""

from collections.abc import Iterable
from typing import Any

from localcluster.errors import BadRequest, InternalError, StatusError
from localcluster.store.schema import ANY, ListOf, MapOf, Struct, Type

_DELETE_ITEMS, _ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"


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
    """`value` after a strategic merge patch: as a merge patch, but lists with a merge key are merged item by item.

    Raises BadRequest or StatusError for directives that cannot be followed, InternalError (500, as the API server)
    for an item without its merge key.
    """
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: change for key, change in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise InternalError(f"unknown patch type: {_go_value(directive)} in map: {_go_value(patch)}")
    merged = _retained(patch, dict(value) if isinstance(value, dict) else {})
    for key, change in patch.items():
        if key.startswith(_DELETE_ITEMS):
            _delete_items(merged, key.removeprefix(_DELETE_ITEMS), change)
        elif key.startswith(_ORDER):
            name = key.removeprefix(_ORDER)
            if name not in patch and isinstance(merged.get(name), list):
                merged[name] = _ordered(_part(type_, name), merged[name], change)
        elif not key.startswith("$"):
            _change(type_, merged, key, change, patch.get(_ORDER + key))
    return merged


def _retained(patch: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """What `$retainKeys` leaves of a map."""
    if "$retainKeys" not in patch:
        return value
    kept = patch["$retainKeys"]
    if not isinstance(kept, list):
        raise BadRequest("invalid patch format of retainKeys")
    if any(key not in kept for key in patch if not key.startswith("$")):
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, {})
    return {key: part for key, part in value.items() if key in kept}


def _delete_items(merged: dict[str, Any], name: str, doomed: Any) -> None:
    if not isinstance(doomed, list):
        raise BadRequest("invalid patch format of primitive list")
    if isinstance(merged.get(name), list):
        gone = {item for item in doomed if isinstance(item, str | int | float)}
        merged[name] = [item for item in merged[name] if item not in gone]


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
    if type_.merge_key == "=":
        if not all(isinstance(item, str | int | float) for item in patch):
            raise BadRequest("invalid patch format of primitive list")
        return _ordered(type_, list(dict.fromkeys([*value, *patch])), order)
    replacing = [item for item in patch if isinstance(item, dict) and item.get("$patch") == "replace"]
    if replacing:
        return [item for item in patch if item not in replacing]
    key = type_.merge_key
    merged: dict[Any, Any] = {_name(item.get(key)): item for item in value}
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise InternalError(f"map: {_go_value(change)} does not contain declared merge key: {key}")
        name = _name(change[key])
        if change.get("$patch") == "delete":
            merged.pop(name, None)
        else:
            merged[name] = strategic(type_.element, merged.get(name, {}), change)
    return _ordered(type_, list(merged.values()), order)


def _ordered(type_: Type, items: list[Any], order: Any) -> list[Any]:
    """In the order that `$setElementOrder` names; items that it does not name keep their place before what follows
    them."""
    if order is None or not isinstance(type_, ListOf) or not type_.merge_key:
        return items
    if not isinstance(order, list):
        raise BadRequest("invalid patch format of setElementOrder list")
    names = list(_names(type_, items))
    present = dict(zip(names, items, strict=True))
    wanted = dict.fromkeys(name for name in _names(type_, order) if name in present)
    queue = iter(wanted)
    return [present[next(queue)] if name in wanted else present[name] for name in names]


def _names(type_: ListOf, items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if type_.merge_key == "=":
            yield _name(item)
        elif isinstance(item, dict):
            yield _name(item.get(type_.merge_key))
        else:
            raise BadRequest("invalid patch format of setElementOrder list")


def _name(value: Any) -> Any:
    """What tells items apart; whatever cannot be a key is told apart by how it looks."""
    return value if isinstance(value, str | int | float | None) else repr(value)


def _go_value(value: Any) -> str:
    """As the API server prints a value in an error: `map[image:web]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go_value(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go_value, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
