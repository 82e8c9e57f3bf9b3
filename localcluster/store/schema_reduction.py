"""Makes `schema.json` from the OpenAPI v3 documents of a real API server.

Run by `python -m localcluster.store.schema_reduction FOLDER`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcluster.store.resources import KINDS
from localcluster.store.schema import FILE

_PREFIX = "#/components/schemas/"
_SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}


class _Reduction:
    """Walks the documents from the served kinds and keeps what `Type` needs."""

    def __init__(self, documents: Path) -> None:
        self.definitions: dict[str, Any] = {}
        for document in sorted(documents.glob("api*_v*.json")):
            self.definitions |= json.loads(document.read_text())["components"]["schemas"]
        self.sources: dict[str, str] = {}
        self.types: dict[str, Any] = {}

    def add(self, definition: str) -> str:
        """Adds a definition and all that it refers to; gives its short name."""
        name = definition.rsplit(".", 1)[1]
        if self.sources.setdefault(name, definition) != definition:
            raise SystemExit(f"two definitions are called {name}: {definition} and {self.sources[name]}")
        if name not in self.types:
            raw = self.definitions[definition]
            entry: dict[str, Any] = {"fields": {}}
            self.types[name] = entry
            if raw.get("x-kubernetes-map-type") == "atomic":
                entry["atomic"] = True
            entry["fields"] = {field: self.reduce(value) for field, value in raw.get("properties", {}).items()}
        return name

    def reduce(self, raw: dict[str, Any]) -> Any:
        reference = raw.get("$ref") or next((part["$ref"] for part in raw.get("allOf", ())), None)
        if reference:
            definition = reference.removeprefix(_PREFIX)
            if definition in _SCALARS:
                return _SCALARS[definition]
            return self.add(definition) + ("!" if raw.get("x-kubernetes-map-type") == "atomic" else "")
        if raw.get("type") == "array":
            return self.list_of(raw)
        if raw.get("type") == "object":
            reduced = {"map": self.reduce(raw["additionalProperties"])} if "additionalProperties" in raw else "any"
            if isinstance(reduced, dict) and raw.get("x-kubernetes-map-type") == "atomic":
                reduced["atomic"] = True
            return reduced
        return raw.get("format") if raw.get("type") == "integer" else raw.get("type", "any")

    def list_of(self, raw: dict[str, Any]) -> dict[str, Any]:
        reduced: dict[str, Any] = {"list": self.reduce(raw["items"])}
        if raw.get("x-kubernetes-list-type", "atomic") != "atomic":
            reduced["merge"] = raw["x-kubernetes-list-type"]
        if keys := raw.get("x-kubernetes-list-map-keys"):
            reduced["keys"] = keys
            reduced["defaults"] = dict(self.key_defaults(raw["items"], keys))
        if "merge" in raw.get("x-kubernetes-patch-strategy", "").split(","):
            reduced["patch"] = raw.get("x-kubernetes-patch-merge-key", "=")
        return reduced

    def key_defaults(self, items: dict[str, Any], keys: list[str]) -> Iterator[tuple[str, Any]]:
        reference = items.get("$ref") or items["allOf"][0]["$ref"]
        properties = self.definitions[reference.removeprefix(_PREFIX)]["properties"]
        for key in keys:
            if properties[key].get("default") not in (None, ""):
                yield key, properties[key]["default"]


def reduce_documents(documents: Path) -> dict[str, Any]:
    """The content of `schema.json` from a folder of OpenAPI v3 documents (`api_v1.json`, `apis_apps_v1.json`, …)."""
    reduction = _Reduction(documents)
    for definition, raw in reduction.definitions.items():
        for identity in raw.get("x-kubernetes-group-version-kind", ()):
            kind = KINDS.get(identity["kind"])
            if kind and (kind.group, kind.version) == (identity["group"], identity["version"]):
                reduction.add(definition)
    return dict(sorted(reduction.types.items()))


if __name__ == "__main__":
    FILE.write_text(json.dumps(reduce_documents(Path(sys.argv[1])), separators=(",", ":"), sort_keys=True) + "\n")
