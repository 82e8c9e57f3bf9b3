"""Values of the wrong type: where they are, and how the API server's JSON decoder and merge library complain."""

from dataclasses import dataclass
from typing import Any

from localcluster.store.schema import ListOf, Scalar, Struct, Type

LIMITS = {"int32": 2**31, "int64": 2**63}
"""The first whole number that is too large."""

_JSON_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_GO_NAMES = {"boolean": "bool", "time": "v1.Time", "quantity": "resource.Quantity", "intstr": "intstr.IntOrString"}


@dataclass(frozen=True)
class Place:
    """Where in an object: the struct, and the path in each of the three notations."""

    struct: str
    names: str = ""
    indexed: str = ""
    keyed: str = ""

    def field(self, name: str, struct: str = "") -> "Place":
        names = f"{self.names}.{name}" if self.names else name
        indexed = f"{self.indexed}.{name}" if self.indexed else name
        return Place(struct or self.struct, names, indexed, f"{self.keyed}.{name}")

    def item(self, index: int, key: str) -> "Place":
        return Place(self.struct, self.names, f"{self.indexed}[{index}]", f"{self.keyed}[{key}]")


class Mismatch(Exception):
    """A value of the wrong type."""

    def __init__(self, place: Place, wanted: Type, value: Any, why: str = "") -> None:
        super().__init__(place.indexed)
        self.place, self.wanted, self.value, self.why = place, wanted, value, why

    def decoder_words(self) -> str:
        if self.why:
            return self.why
        found = _JSON_NAMES[type(self.value)]
        if found == "number" and isinstance(self.wanted, Scalar) and self.wanted.name in LIMITS:
            found = f"number {self.value}"
        field = f"{self.place.struct}.{self.place.names}"
        return f"json: cannot unmarshal {found} into Go struct field {field} of type {_go_name(self.wanted)}"

    def merge_words(self) -> str:
        return f"{self.place.keyed}: {self.why or _merge_complaint(self.wanted, self.value)}"


def _go_name(type_: Type) -> str:
    if isinstance(type_, Scalar):
        return _GO_NAMES.get(type_.name, type_.name)
    if isinstance(type_, Struct):
        return f"v1.{type_.name}"
    element = _go_name(type_.element)
    return f"[]{element}" if isinstance(type_, ListOf) else f"map[string]{element}"


def _merge_complaint(type_: Type, value: Any) -> str:
    shown = f"&value.valueUnstructured{{Value:{quoted(value) if not isinstance(value, dict | list) else '…'}}}"
    if isinstance(type_, ListOf):
        return f"expected list, got {shown}"
    if not isinstance(type_, Scalar):
        return f"expected map, got {shown}"
    if type_.name in ("int32", "int64", "number"):
        kinds = {"bool": "bool", "object": "map[string]interface {}", "array": "[]interface {}"}
        found = _JSON_NAMES[type(value)]
        return f"expected numeric (int or float), got {kinds.get(found, found)}"
    return f"expected {type_.name}, got {shown}"


def quoted(value: Any) -> str:
    """As Go prints it with %q, or as it is."""
    return f'"{value}"' if isinstance(value, str) else str(value)
