"""The older OpenAPI form as protobuf, the only one that kubectl asks for: it looks there when the v3 documents do not
know a kind (a `List`, a kind that is not served).

Field numbers are those of gnostic's OpenAPIv2.proto. Addresses, their methods, query parameters and kinds are written;
types are not: clients find those in v3.
"""

import json
from typing import Any

Object = dict[str, Any]

_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}
_KIND = "x-kubernetes-group-version-kind"


def encode(document: Object) -> bytes:
    """An OpenAPI v2 document as `openapi.v2.Document`."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = b"".join(_part(2, _text(1, address) + _part(2, _item(item))) for address, item in document["paths"].items())
    return _text(1, document["swagger"]) + _part(2, info) + _part(8, paths)


def _item(item: Object) -> bytes:
    return b"".join(_part(number, _operation(item[method])) for method, number in _METHODS.items() if method in item)


def _operation(operation: Object) -> bytes:
    encoded = _text(5, operation.get("operationId", ""))
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            query = _text(2, "query") + _text(4, parameter["name"]) + _text(6, parameter.get("type", "string"))
            encoded += _part(8, _part(1, _part(2, _part(3, query))))
    if _KIND in operation:
        encoded += _part(13, _text(1, _KIND) + _part(2, _text(2, json.dumps(operation[_KIND]))))
    return encoded


def _text(number: int, text: str) -> bytes:
    return _part(number, text.encode())


def _part(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
