"""The types of the served kinds: which fields there are, and how lists and maps of them are merged.

`schema.json` is the reduction of a real API server's OpenAPI v3 documents to what is needed here; it is made anew by
`python -m localcluster.store.schema_reduction <folder of the documents>`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("schema.json")


@dataclass(frozen=True)
class Scalar:
    """`name` is one of string, time, boolean, int32, int64, number, quantity, intstr, any."""

    name: str


@dataclass(frozen=True)
class ListOf:
    """`relation` says how two lists are merged: atomic (as one value), set, or map (items are told apart by `keys`).

    `merge_key` is that of strategic merge patches, "" where they replace the list; `key_defaults` completes items that
    leave a key out (a port without a protocol).
    """

    element: "Type"
    relation: str
    keys: tuple[str, ...]
    merge_key: str
    key_defaults: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class MapOf:
    """Any keys; atomic where it is merged as one value."""

    element: "Type"
    atomic: bool


@dataclass(frozen=True)
class Struct:
    """Known fields, resolved on first use; atomic where it is merged as one value."""

    name: str
    atomic: bool

    def field(self, name: str) -> "Type | None":
        return _fields(self.name).get(name)


Type = Scalar | ListOf | MapOf | Struct

ANY = Scalar("any")


def of_kind(kind: str) -> Struct:
    """The type of a kind's objects."""
    return Struct(kind, False)


@cache
def _raw() -> dict[str, dict[str, Any]]:
    types: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    return types


@cache
def _fields(struct: str) -> dict[str, Type]:
    return {name: _type(raw) for name, raw in _raw()[struct]["fields"].items()}


def _type(raw: Any) -> Type:
    if isinstance(raw, str):
        if not raw[0].isupper():
            return Scalar(raw)
        name = raw.removesuffix("!")
        return Struct(name, raw.endswith("!") or _raw()[name].get("atomic", False))
    if "list" in raw:
        defaults = tuple(sorted(raw.get("defaults", {}).items()))
        keys = tuple(raw.get("keys", ()))
        return ListOf(_type(raw["list"]), raw.get("merge", "atomic"), keys, raw.get("patch", ""), defaults)
    return MapOf(_type(raw["map"]), raw.get("atomic", False))
