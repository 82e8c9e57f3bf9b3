"""OpenAPI v2 from v3: the form that older clients ask for."""

from typing import Any

Object = dict[str, Any]

_SCHEMAS, _DEFINITIONS = "#/components/schemas/", "#/definitions/"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_TYPES = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "string", "format": "int-or-string"},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
}


def from_v3(documents: list[Object]) -> Object:
    """One v2 document of all: types, addresses and their parameters."""
    definitions: Object = {}
    paths: Object = {}
    for document in documents:
        for name, schema in document["components"]["schemas"].items():
            definitions[name] = _definition(name, schema)
        for address, item in document["paths"].items():
            paths[address] = _item(item)
    return {
        "swagger": "2.0",
        "info": documents[0]["info"],
        "paths": dict(sorted(paths.items())),
        "definitions": dict(sorted(definitions.items())),
        "securityDefinitions": {
            "BearerToken": {
                "description": "Bearer Token authentication",
                "type": "apiKey",
                "name": "authorization",
                "in": "header",
            }
        },
        "security": [{"BearerToken": []}],
    }


def _definition(name: str, schema: Object) -> Object:
    if name in _TYPES:
        return {**_TYPES[name], **({"description": schema["description"]} if "description" in schema else {})}
    converted: Object = _schema(schema)
    return converted


def _schema(part: Any) -> Any:
    """A schema without what v2 does not know: defaults, `oneOf`, `nullable`, a reference wrapped in `allOf`."""
    if isinstance(part, list):
        return [_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    converted = {key: _schema(value) for key, value in part.items() if key not in ("default", "oneOf", "nullable")}
    if isinstance(part.get("properties"), dict):  # the names in it are names of fields
        converted["properties"] = {name: _schema(value) for name, value in part["properties"].items()}
    match converted.pop("allOf", None):
        case [{"$ref": str()} as reference]:
            converted |= reference
    if isinstance(converted.get("$ref"), str):
        converted["$ref"] = converted["$ref"].replace(_SCHEMAS, _DEFINITIONS)
    return converted


def _item(item: Object) -> Object:
    converted: Object = {method: _operation(item[method]) for method in _METHODS if method in item}
    if "parameters" in item:
        converted["parameters"] = [_parameter(parameter) for parameter in item["parameters"]]
    return converted


def _operation(operation: Object) -> Object:
    kept = {key: value for key, value in operation.items() if key not in ("parameters", "requestBody", "responses")}
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", [])]
    body = operation.get("requestBody")
    if body:
        content = body["content"]
        schema = _schema(next(iter(content.values()))["schema"])
        parameters.append({"name": "body", "in": "body", "required": body.get("required", False), "schema": schema})
        kept["consumes"] = list(content)
    responses = operation["responses"]
    kept["produces"] = sorted({kind for answer in responses.values() for kind in answer.get("content", {})})
    kept["responses"] = {code: _answer(answer) for code, answer in responses.items()}
    return {**kept, "parameters": parameters} if parameters else kept


def _answer(answer: Object) -> Object:
    content = answer.get("content", {})
    converted = {"description": answer.get("description", "")}
    return {**converted, "schema": _schema(next(iter(content.values()))["schema"])} if content else converted


def _parameter(parameter: Object) -> Object:
    schema = parameter.get("schema", {})
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **_schema(schema)}
