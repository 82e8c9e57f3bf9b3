"""A strict check of JSON against the recorded OpenAPI documents of a real API server."""

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "recordings" / "openapi"

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
_QUANTITY = re.compile(r"[+-]?\d+(\.\d+)?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
}

_STRING = {"type": "string"}
_COLUMN = dict.fromkeys(("name", "type", "format", "description"), _STRING) | {
    "priority": {"type": "integer", "format": "int32"}
}
UNDOCUMENTED: dict[str, Schema] = {
    # the API reference has these, but no OpenAPI document does
    "Table": {
        "required": ["columnDefinitions", "rows"],
        "properties": {
            "kind": _STRING,
            "apiVersion": _STRING,
            "metadata": {"$ref": f"{_REFERENCE}{_META}ListMeta"},
            "columnDefinitions": {
                "type": "array",
                "items": {"type": "object", "required": list(_COLUMN), "properties": _COLUMN},
            },
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["cells"],
                    "properties": {
                        "cells": {"type": "array", "items": {}},
                        "conditions": {"type": "array", "items": {"type": "object"}},
                        "object": {"type": "object"},
                    },
                },
            },
        },
    },
    "PartialObjectMetadata": {
        "properties": {
            "kind": _STRING,
            "apiVersion": _STRING,
            "metadata": {"$ref": f"{_REFERENCE}{_META}ObjectMeta"},
        },
    },
    "PartialObjectMetadataList": {
        "required": ["items"],
        "properties": {
            "kind": _STRING,
            "apiVersion": _STRING,
            "metadata": {"$ref": f"{_REFERENCE}{_META}ListMeta"},
            "items": {"type": "array", "items": {"type": "object"}},
        },
    },
}


@cache
def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for document in sorted(FOLDER.glob("api*_v*.json")):
        found |= json.loads(document.read_text()).get("components", {}).get("schemas", {})
    return found


@cache
def _by_identity() -> dict[tuple[str, str], Schema]:
    found: dict[tuple[str, str], Schema] = {}
    for schema in _schemas().values():
        for identity in schema.get("x-kubernetes-group-version-kind", ()):
            version = f"{identity['group']}/{identity['version']}".lstrip("/")
            found[version, identity["kind"]] = schema
    return found


def faults(body: Any) -> list[str]:
    """What of an answer the documents do not allow: `.spec.replicas: not an integer`, by its own kind and version."""
    if not isinstance(body, dict) or "kind" not in body or "apiVersion" not in body:
        return ["the answer does not say its kind and version"]
    schema = UNDOCUMENTED.get(body["kind"]) or _by_identity().get((body["apiVersion"], body["kind"]))
    if schema is None:
        return [f"there is no document of {body['apiVersion']} {body['kind']}"]
    return list(_faults({"type": "object", **schema}, body, ""))


def fields_of(api_version: str, kind: str) -> set[str]:
    """All names of fields that an object of this kind may have, at any depth."""
    names: set[str] = set()
    waiting = [_by_identity()[api_version, kind]]
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop()
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        names |= schema.get("properties", {}).keys()
        parts = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
        waiting += [_resolved(part) for part in parts if isinstance(part, dict)]
    return names


def _resolved(schema: Schema) -> Schema:
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ())), None)
    return _schemas()[reference.removeprefix(_REFERENCE)] if reference else schema


def _faults(schema: Schema, value: Any, place: str) -> Iterator[str]:
    schema = _resolved(schema)
    if schema.get("format") == "int-or-string" or "oneOf" in schema:
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield f"{place}: neither a number nor a string: {value!r}"
        return
    wanted = schema.get("type")
    if value is None and schema.get("format") == "date-time":
        return
    if wanted and (not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        yield f"{place}: not of type {wanted}: {value!r}"
        return
    if isinstance(value, str):
        yield from _text_faults(schema, value, place)
    elif isinstance(value, int) and schema.get("format") in ("int32", "int64"):
        limit = 2 ** (int(schema["format"][3:]) - 1)
        if not -limit <= value < limit:
            yield f"{place}: too large for {schema['format']}: {value}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(schema.get("items", {}), item, f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from _map_faults(schema, value, place)


def _text_faults(schema: Schema, value: str, place: str) -> Iterator[str]:
    form = schema.get("format")
    if form == "date-time":
        try:
            datetime.fromisoformat(value)
            fits = bool(_TIME.fullmatch(value))
        except ValueError:
            fits = False
        if not fits:
            yield f"{place}: no time: {value!r}"
    if form == "byte":
        try:
            b64decode(value, validate=True)
        except NotBase64:
            yield f"{place}: no base64: {value!r}"


def _map_faults(schema: Schema, value: dict[str, Any], place: str) -> Iterator[str]:
    properties: dict[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}.{name}: missing"
    for name, part in value.items():
        if name in properties:
            yield from _faults(properties[name], part, f"{place}.{name}")
        elif isinstance(others, dict):
            yield from _faults(others, part, f"{place}.{name}")
        elif properties:
            yield f"{place}.{name}: unknown field"
