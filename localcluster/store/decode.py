"""Reads an object against its type: drops what a typed server would drop, and finds what does not fit.

Messages are those of the API server: of its JSON decoder for whole objects, of its merge library for server-side apply.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcluster import clock, quantity
from localcluster.errors import BadRequest, InternalError
from localcluster.store.resources import KINDS
from localcluster.store.schema import ListOf, MapOf, Scalar, Struct, Type, of_kind

_JSON_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_GO_NAMES = {"boolean": "bool", "time": "v1.Time", "quantity": "resource.Quantity", "intstr": "intstr.IntOrString"}
_LIMITS = {"int32": 2**31, "int64": 2**63}

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


@dataclass(frozen=True)
class _Place:
    """Where in an object: the struct, and the path in each of the three notations."""

    struct: str
    names: str = ""
    indexed: str = ""
    keyed: str = ""

    def field(self, name: str, struct: str = "") -> "_Place":
        names = f"{self.names}.{name}" if self.names else name
        indexed = f"{self.indexed}.{name}" if self.indexed else name
        return _Place(struct or self.struct, names, indexed, f"{self.keyed}.{name}")

    def item(self, index: int, key: str) -> "_Place":
        return _Place(self.struct, self.names, f"{self.indexed}[{index}]", f"{self.keyed}[{key}]")


class Mismatch(Exception):
    """A value of the wrong type."""

    def __init__(self, place: _Place, wanted: Type, value: Any, why: str = "") -> None:
        super().__init__(place.indexed)
        self.place, self.wanted, self.value, self.why = place, wanted, value, why

    def decoder_words(self) -> str:
        if self.why:
            return self.why
        found = _JSON_NAMES[type(self.value)]
        if found == "number" and isinstance(self.wanted, Scalar) and self.wanted.name in _LIMITS:
            found = f"number {self.value}"
        field = f"{self.place.struct}.{self.place.names}"
        return f"json: cannot unmarshal {found} into Go struct field {field} of type {_go_name(self.wanted)}"

    def merge_words(self) -> str:
        return f"{self.place.keyed}: {self.why or _merge_complaint(self.wanted, self.value)}"


def decode(kind: str, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The object as a typed server holds it, and the paths of unknown fields, which are dropped. Raises BadRequest."""
    unknown: list[str] = []
    try:
        return _struct(of_kind(kind), obj, _Place(kind), lambda place: unknown.append(place.indexed)), unknown
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

    def unknown(place: _Place) -> None:
        raise refuse(f"{place.keyed}: field not declared in schema")

    try:
        return _struct(of_kind(kind), obj, _Place(kind), unknown)
    except Mismatch as mismatch:
        raise refuse(mismatch.merge_words()) from None


def _struct(type_: Struct, value: Any, place: _Place, unknown: Callable[[_Place], None]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch(place, type_, value)
    kept: dict[str, Any] = {}
    for name, given in value.items():
        field = type_.field(name)
        here = place.field(name, type_.name)
        if field is None:
            unknown(here)
            continue
        if given is None:
            if (type_.name, name) in _KEPT_WHEN_NULL:
                kept[name] = None
            continue
        decoded = _value(field, given, here, unknown)
        if not _is_omitted(type_.name, name, field, decoded):
            kept[name] = decoded
    return kept


def _is_omitted(struct: str, name: str, field: Type, value: Any) -> bool:
    if isinstance(field, ListOf | MapOf):
        return not value and (struct, name) not in _KEPT_WHEN_EMPTY
    return not value and (struct, name) in _DROPPED_WHEN_ZERO


def _value(type_: Type, value: Any, place: _Place, unknown: Callable[[_Place], None]) -> Any:
    if isinstance(type_, Struct):
        return _struct(type_, value, place, unknown)
    if isinstance(type_, MapOf):
        if not isinstance(value, dict):
            raise Mismatch(place, type_, value)
        return {
            key: _value(type_.element, "" if item is None else item, place.field(key), unknown)
            for key, item in value.items()
        }
    if isinstance(type_, ListOf):
        if not isinstance(value, list):
            raise Mismatch(place, type_, value)
        return [
            _value(type_.element, item, place.item(index, _item_key(type_, item, index)), unknown)
            for index, item in enumerate(value)
        ]
    return _scalar(type_, value, place)


def _item_key(type_: ListOf, item: Any, index: int) -> str:
    if type_.relation != "map" or not isinstance(item, dict):
        return str(index)
    defaults = dict(type_.key_defaults)
    return ",".join(f"{key}={_quoted(item.get(key, defaults.get(key)))}" for key in sorted(type_.keys))


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _scalar(type_: Scalar, value: Any, place: _Place) -> Any:
    name = type_.name
    if name == "any":
        return value
    if name in ("string", "time"):
        return _text(type_, value, place)
    if name == "boolean":
        fits = isinstance(value, bool)
    elif name in _LIMITS:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        fits = whole and not isinstance(value, bool) and -_LIMITS[name] <= value < _LIMITS[name]
        return int(value) if fits else _misfit(place, type_, value)
    elif name == "intstr":
        fits = isinstance(value, int | str) and not isinstance(value, bool)
    elif name == "quantity":
        return _quantity(type_, value, place)
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    return value if fits else _misfit(place, type_, value)


def _misfit(place: _Place, type_: Scalar, value: Any) -> Any:
    raise Mismatch(place, type_, value)


def _text(type_: Scalar, value: Any, place: _Place) -> str:
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


def _quantity(type_: Scalar, value: Any, place: _Place) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise Mismatch(place, type_, value, quantity.RULE)
    try:
        return quantity.canonical(value)
    except ValueError as error:
        raise Mismatch(place, type_, value, str(error)) from None


def _go_name(type_: Type) -> str:
    if isinstance(type_, Scalar):
        return _GO_NAMES.get(type_.name, type_.name)
    if isinstance(type_, Struct):
        return f"v1.{type_.name}"
    element = _go_name(type_.element)
    return f"[]{element}" if isinstance(type_, ListOf) else f"map[string]{element}"


def _merge_complaint(type_: Type, value: Any) -> str:
    shown = f"&value.valueUnstructured{{Value:{_quoted(value) if not isinstance(value, dict | list) else '…'}}}"
    if isinstance(type_, ListOf):
        return f"expected list, got {shown}"
    if not isinstance(type_, Scalar):
        return f"expected map, got {shown}"
    if type_.name in ("int32", "int64", "number"):
        kinds = {"bool": "bool", "object": "map[string]interface {}", "array": "[]interface {}"}
        found = _JSON_NAMES[type(value)]
        return f"expected numeric (int or float), got {kinds.get(found, found)}"
    return f"expected {type_.name}, got {shown}"
