"""Reads an object against its type: drops what a typed server would drop, and finds what does not fit.

Messages are those of the API server: of its JSON decoder for whole objects, of its merge library for server-side apply.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcluster import clock, quantity
from localcluster.errors import BadRequest, InternalError
from localcluster.store.mismatch import LIMITS, Mismatch, Place, quoted
from localcluster.store.resources import KINDS
from localcluster.store.schema import ListOf, MapOf, Scalar, Struct, Type, of_kind

_STRING = Scalar("string")
_KEPT_WHEN_NULL = {("Event", "eventTime"), ("Event", "firstTimestamp"), ("Event", "lastTimestamp")}
_KEPT_WHEN_EMPTY = {("PodSpec", "containers"), ("EndpointSlice", "endpoints"), ("IngressRule", "http")}
_DROPPED_WHEN_ZERO = {
    ("DeploymentSpec", "paused"),
    ("DeploymentSpec", "minReadySeconds"),
    ("ReplicaSetSpec", "minReadySeconds"),
    ("EnvVar", "value"),
    ("Probe", "initialDelaySeconds"),
    ("VolumeMount", "readOnly"),
    ("VolumeMount", "subPath"),
    ("PodSpec", "hostNetwork"),
    ("PodSpec", "hostPID"),
    ("PodSpec", "hostIPC"),
    ("Container", "stdin"),
    ("Container", "stdinOnce"),
    ("Container", "tty"),
    ("Container", "workingDir"),
    ("ServiceSpec", "publishNotReadyAddresses"),
}


class Repeating(dict[str, Any]):
    """An object whose text names some fields twice: the last counts."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How an object is read. `complain` is called with what is wrong and where: a field that is `unknown` or
    `duplicate`, or a list whose items cannot be told apart, which only an apply minds. `is_applied`: what is empty
    or zero is said on purpose, for it may stand in the place of something else."""

    complain: Callable[[str, Place], None]
    is_applied: bool = False


def decode(kind: str, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The object as a typed server holds it, and complaints: `unknown field "spec.x"` (such fields are dropped),
    `duplicate field "spec.replicas"`. Raises BadRequest."""
    complaints: list[str] = []

    def complain(what: str, place: Place) -> None:
        if what in ("duplicate", "unknown"):
            complaints.append(f'{what} field "{place.indexed}"')

    try:
        return _struct(of_kind(kind), obj, Place(kind), Reading(complain)), list(dict.fromkeys(complaints))
    except Mismatch as mismatch:
        raise cannot_be_handled(kind, mismatch.decoder_words()) from None


def cannot_be_handled(kind: str, why: str) -> BadRequest:
    version = KINDS[kind].version
    return BadRequest(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def decode_applied(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    """The same for the body of a server-side apply, where an unknown field is refused too. Raises InternalError
    (500)."""

    def refuse(message: str) -> InternalError:
        meta = obj.get("metadata") or {}
        where = f"{meta.get('namespace', '')}/{meta.get('name', '')}; {KINDS[kind].api_version}, Kind={kind}"
        return InternalError(f"failed to create typed patch object ({where}): {message}")

    def complain(what: str, place: Place) -> None:
        if what == "unknown":
            raise refuse(f"{place.keyed}: field not declared in schema")
        if what not in ("duplicate", "unknown"):
            raise refuse(f"{place.keyed}: {what}")

    try:
        return _struct(of_kind(kind), obj, Place(kind), Reading(complain, is_applied=True))
    except Mismatch as mismatch:
        raise refuse(mismatch.merge_words()) from None


def _struct(type_: Struct, value: Any, place: Place, reading: Reading) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch(place, type_, value)
    kept: dict[str, Any] = {}
    _report_repeated(value, place, reading)
    for name, given in value.items():
        field = type_.field(name)
        here = place.field(name, type_.name)
        if field is None:
            reading.complain("unknown", here)
            continue
        if given is None:
            if (type_.name, name) in _KEPT_WHEN_NULL:
                kept[name] = None
            continue
        decoded = _value(field, given, here, reading)
        if not _is_omitted(type_.name, name, field, decoded, reading):
            kept[name] = decoded
    return kept


def _report_repeated(value: dict[str, Any], place: Place, reading: Reading) -> None:
    if isinstance(value, Repeating):
        for name in value.repeated:
            reading.complain("duplicate", place.field(name))


def _is_omitted(struct: str, name: str, field: Type, value: Any, reading: Reading) -> bool:
    if value:
        return False
    if isinstance(field, ListOf | MapOf):
        is_whole = field.relation == "atomic" if isinstance(field, ListOf) else field.atomic
        return (struct, name) not in _KEPT_WHEN_EMPTY and not (reading.is_applied and is_whole)
    return (struct, name) in _DROPPED_WHEN_ZERO and not reading.is_applied


def _value(type_: Type, value: Any, place: Place, reading: Reading) -> Any:
    if isinstance(type_, Struct):
        return _struct(type_, value, place, reading)
    if isinstance(type_, MapOf):
        if not isinstance(value, dict):
            raise Mismatch(place, type_, value)
        _report_repeated(value, place, reading)
        if type_.element == _STRING and all(isinstance(item, str) for item in value.values()):
            return dict(value)
        return {
            key: _value(type_.element, "" if item is None else item, place.field(key), reading)
            for key, item in value.items()
        }
    if isinstance(type_, ListOf):
        if not isinstance(value, list):
            raise Mismatch(place, type_, value)
        if fault := _ambiguity(type_, value):
            reading.complain(fault, place)
        return [
            _value(type_.element, item, place.item(index, _item_key(type_, item, index)), reading)
            for index, item in enumerate(value)
        ]
    return _scalar(type_, value, place)


def _ambiguity(type_: ListOf, items: list[Any]) -> str:
    """Why the items of a list cannot be told apart by their keys; "" if they can."""
    if type_.relation != "map":
        return ""
    defaults, seen = dict(type_.key_defaults), set()
    for index, item in enumerate(items):
        missing = [key for key in type_.keys if isinstance(item, dict) and key not in item and key not in defaults]
        if missing:
            why = f'omits key field "{missing[0]}" (and doesn\'t have default value)'
            return f"element {index}: associative list with keys has an element that {why}"
        key = _item_key(type_, item, index)
        if key in seen:
            return f"duplicate entries for key [{key}]"
        seen.add(key)
    return ""


def _item_key(type_: ListOf, item: Any, index: int) -> str:
    if type_.relation != "map" or not isinstance(item, dict):
        return str(index)
    defaults = dict(type_.key_defaults)
    return ",".join(f"{key}={quoted(item.get(key, defaults.get(key)))}" for key in sorted(type_.keys))


def _scalar(type_: Scalar, value: Any, place: Place) -> Any:
    name = type_.name
    if name == "any":
        return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value
    if name in ("string", "time"):
        return _text(type_, value, place)
    if name == "boolean":
        fits = isinstance(value, bool)
    elif name in LIMITS:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        fits = whole and not isinstance(value, bool) and -LIMITS[name] <= value < LIMITS[name]
        return int(value) if fits else _misfit(place, type_, value)
    elif name == "intstr":
        is_text = isinstance(value, str)
        fits = is_text or (isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31)
    elif name == "quantity":
        return _quantity(type_, value, place)
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    return value if fits else _misfit(place, type_, value)


def _misfit(place: Place, type_: Scalar, value: Any) -> Any:
    raise Mismatch(place, type_, value)


def _text(type_: Scalar, value: Any, place: Place) -> str:
    if not isinstance(value, str):
        raise Mismatch(place, type_, value)
    if type_.name == "time":
        try:
            if not re.match(r"\d{4}-\d\d-\d\d[Tt]", value):
                raise ValueError
            clock.parse(value)
        except ValueError:
            words = f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"'
            raise Mismatch(place, type_, value, words) from None
    return value


def _quantity(type_: Scalar, value: Any, place: Place) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise Mismatch(place, type_, value, quantity.RULE)
    try:
        return quantity.canonical(value)
    except ValueError as error:
        raise Mismatch(place, type_, value, str(error)) from None
