"""docs/api.md, from the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

HEAD = """\
# The HTTP API

Everything a page can do, a script can do, with the same policy and the same words. It speaks JSON at `/api/`; the
OpenAPI document is at `/api/openapi.json`, and a page to try it at `/api/docs`.

**Who asks.** `Authorization: Bearer TOKEN`; `deployer tokens create` makes one. A browser's session will do, too:
what changes something then needs the header `X-CSRFToken`. A token gives no more than its person's role today, within
its scopes and its apps; an app out of its reach is a 404.

**Errors** are `{"error": {"code", "message", "reasons": […]}}` with the fitting status: 400 and 422 what was sent
can't be understood or can't be, 401 nobody known, 403 not yours to do, 404 not there, 409 refused as things stand
(`not_allowed`, with every reason) or not in the state that this takes (`conflict`), 413 too large, 429 too many
requests, 503 the database or a cluster is away (with `Retry-After`).

**Lists** have the newest first, or go by name. Those with a `next` are pages: `?cursor=` of that gives what comes
behind, whatever is made meanwhile; `?limit=` is 50, at most 200. Times are RFC 3339 in UTC.

**Rates.** Each answer has `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds); a 429 has
`Retry-After`.

**Once.** What takes `Idempotency-Key` is done once for each key, however often it is sent: the first answer comes
again, with `Idempotent-Replayed: true`. The same key with another body is a 422; while the first one is being carried
out, a 409 (`in_progress`). Keys are kept for a day.

**Streams** (logs, one-off commands) are `application/x-ndjson`: a JSON object a line; blank lines mean nothing.

This page is made from the code by `make docs`.
"""
METHODS = ("get", "post", "put", "patch", "delete")


def page(document: dict[str, Any]) -> str:
    """`document` as served at /api/openapi.json."""
    schemas = document["components"]["schemas"]
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    lines = [HEAD]
    for tag, found in by_tag.items():
        lines += [f"## {tag.capitalize()}", ""]
        for method, path, operation in found:
            lines += _operation(method, path, operation, schemas)
    lines += ["## What is sent and answered", ""]
    for name in sorted(schemas):
        if schemas[name].get("type") == "object" and not name.startswith("Page_"):
            lines += _schema(name, schemas[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield from [f"### {method} {path}", ""]
    if words := operation.get("description"):
        yield from [words.strip(), ""]
    rows = [
        (f"`{each['name']}`", each["in"], _words(each["schema"]) + _note(each, each["schema"]))
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        if kind == "multipart/form-data":
            rows += [
                (f"`{name}`", "form", _words(each)) for name, each in _resolved(schema, schemas)["properties"].items()
            ]
        else:
            rows.append(("", "body", _words(schema) if "$ref" in schema or "anyOf" in schema else _fields(schema)))
    if rows:
        yield from [
            "| | in | |",
            "| --- | --- | --- |",
            *(f"| {name} | {place} | {words} |" for name, place, words in rows),
            "",
        ]
    yield from [f"Answers: {', '.join(_answers(operation))}.", ""]


def _answers(operation: dict[str, Any]) -> Iterator[str]:
    """Those that are no errors in words, the others by their status."""
    others = []
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            others.append(int(status))
            continue
        contents = response.get("content", {})
        kinds = [
            "lines of JSON" if kind == "application/x-ndjson" else _words(content["schema"])
            for kind, content in contents.items()
        ]
        yield f"{status} {' or '.join(kinds)}".rstrip()
    if others:
        yield "errors " + " ".join(map(str, sorted(others)))


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from [f"### {name}", ""]
    if words := schema.get("description"):
        yield from [words.strip(), ""]
    required = set(schema.get("required", []))
    rows = [
        f"| `{field}` | {_words(each)} | {_said_of(each, optional=field not in required)} |"
        for field, each in schema.get("properties", {}).items()
    ]
    if rows:
        yield from ["| field | type | |", "| --- | --- | --- |", *rows, ""]


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _words(schema: dict[str, Any]) -> str:
    """A type, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name.startswith("Page_"):
            return f"a page of [{name[5:-1]}](#{name[5:-1].lower()})"
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_words(each) for each in schema[several]))
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" if value != "" else '`""`' for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_words(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_words(schema['additionalProperties'])}"
    return {"date-time": "time", "binary": "file"}.get(schema.get("format", ""), kind) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None and most < 2**31 - 1:
        return f" {least}–{most}" if least is not None else f" up to {most}"
    if least is not None and least > -(2**31):
        return f" from {least}"
    return f" up to {schema['maxLength']} characters" if "maxLength" in schema else ""


def _note(described: dict[str, Any], schema: dict[str, Any]) -> str:
    """What is said of a parameter or field beside its type."""
    default = schema.get("default")
    notes = [described.get("description", "").strip().replace("\n", " ").replace("|", "\\|")]
    if default not in (None, "", [], {}) and not isinstance(default, dict):
        notes.append(f"default `{str(default).lower() if isinstance(default, bool) else default}`")
    said = "; ".join(filter(None, notes))
    return f": {said}" if said else ""


def _said_of(schema: dict[str, Any], *, optional: bool) -> str:
    return f"may be left out{_note(schema, schema)}" if optional else _note(schema, schema).removeprefix(": ")


def _fields(schema: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in schema.get("properties", {}))
