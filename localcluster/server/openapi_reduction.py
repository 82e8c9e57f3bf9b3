"""Makes the documents that `openapi.py` serves from the OpenAPI v3 documents of a real API server.

Run by `python -m localcluster.server.openapi_reduction FOLDER`. Addresses and types of what is not served are left out,
everything else stays as it was.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcluster.server import swagger_protobuf
from localcluster.server.openapi import FOLDER, INDEX, V2, V2_PROTOBUF, file_name
from localcluster.server.swagger import from_v3
from localcluster.store.resources import Kind, group_versions, kinds_of

Object = dict[str, Any]

_REFERENCE = "#/components/schemas/"


def reduce_documents(recorded: Path) -> dict[str, bytes]:
    """The served documents as JSON by their name in the index (`api/v1`, `apis/apps/v1`, …), and the older form of all
    under V2 and V2_PROTOBUF."""
    reduced: dict[str, Object] = {}
    for group, version in group_versions():
        name = f"apis/{group}/{version}" if group else f"api/{version}"
        path = recorded / f"{name.replace('/', '_')}.json"
        if path.exists():
            reduced[name] = _reduced(json.loads(path.read_text()), group, version)
    documents = {name: _encoded(document) for name, document in reduced.items()}
    older = from_v3(list(reduced.values()))
    return {**documents, V2: _encoded(older), V2_PROTOBUF: swagger_protobuf.encode(older)}


def _encoded(document: Object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _reduced(document: Object, group: str, version: str) -> Object:
    served = set(_addresses(kinds_of(group, version), group, version))
    paths = {address: item for address, item in document["paths"].items() if address in served}
    schemas = document["components"]["schemas"]
    kept: dict[str, Object] = {}
    _collect(paths, schemas, kept)
    components = {**document["components"], "schemas": dict(sorted(kept.items()))}
    return {**document, "paths": paths, "components": components}


def _addresses(kinds: list[Kind], group: str, version: str) -> Iterator[str]:
    yield f"/apis/{group}/{version}/" if group else f"/api/{version}/"
    for kind in kinds:
        yield f"{kind.prefix}/{kind.plural}"
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        collection = f"{kind.prefix}{scope}/{kind.plural}"
        # the namespaces' own addresses name them `name`, those of what is in them `namespace`
        yield from (collection, f"{collection}/{{name}}")
        yield from (f"{collection}/{{name}}/{part}" for part in kind.subresources)


def _collect(part: Any, schemas: Object, kept: dict[str, Object]) -> None:
    """Adds every schema that `part` refers to, and those that they refer to."""
    if isinstance(part, list):
        for item in part:
            _collect(item, schemas, kept)
    elif isinstance(part, dict):
        reference = part.get("$ref", "")
        if isinstance(reference, str) and reference.startswith(_REFERENCE):
            name = reference.removeprefix(_REFERENCE)
            if name not in kept:
                kept[name] = schemas[name]
                _collect(schemas[name], schemas, kept)
        for value in part.values():
            _collect(value, schemas, kept)


def write(documents: dict[str, bytes], folder: Path) -> None:
    """Puts the documents into a folder, compressed, with an index of their hashes (as a real API server makes them)."""
    folder.mkdir(exist_ok=True)
    hashes = {name: hashlib.sha512(content).hexdigest().upper() for name, content in sorted(documents.items())}
    for name, content in documents.items():
        (folder / file_name(name)).write_bytes(gzip.compress(content, 9, mtime=0))
    (folder / INDEX).write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    write(reduce_documents(Path(sys.argv[1])), FOLDER)
