"""The OpenAPI documents: read compressed from the package and mostly sent as they are, so that nothing of them stays in
memory.

`openapi_reduction.py` makes them. Addresses and headers are those of a real API server (kube-openapi's handlers): an
index at /openapi/v3 names each group version's document with a hash, and what is asked for by its hash may be kept.
"""

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from localcluster.server.messages import Request, Response, json_response
from localcluster.server.routes import UnknownGroup

FOLDER = Path(__file__).with_name("documents")
INDEX = "index.json"
V2, V2_PROTOBUF = "v2", "v2.protobuf"
"""The names of the one document in the older form."""

_YEAR = timedelta(days=365)
_JSON = ("application/json", "application/*", "*/*")
_PROTOBUF = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)


def answer(request: Request, parts: list[str]) -> Response:
    """The answer to a GET below /openapi. Raises UnknownGroup where nothing is."""
    if parts == ["openapi", "v3"]:
        return json_response(200, index())
    is_old = parts == ["openapi", V2]
    name = V2 if is_old else "/".join(parts[2:])
    if name not in hashes() or (name in (V2, V2_PROTOBUF) and not is_old):
        raise UnknownGroup
    for choice in request.headers.get("accept", "").split(",") if request.headers.get("accept") else ["*/*"]:
        media_type = choice.partition(";")[0].strip()
        if media_type in _JSON:
            return _document(request, name, _JSON[0])
        if is_old and media_type in _PROTOBUF:
            return _document(request, V2_PROTOBUF, _PROTOBUF[1])
    return Response(406, b"", "text/plain; charset=utf-8", {"vary": "Accept"})


def index() -> dict[str, dict[str, dict[str, str]]]:
    """/openapi/v3"""
    names = sorted(name for name in hashes() if name not in (V2, V2_PROTOBUF))
    return {"paths": {name: {"serverRelativeURL": _address(name)} for name in names}}


@cache
def hashes() -> dict[str, str]:
    """The hash of each document, by its name."""
    found: dict[str, str] = json.loads((FOLDER / INDEX).read_text())
    return found


def file_name(name: str) -> str:
    return f"{name.replace('/', '_')}.gz"


def _address(name: str) -> str:
    return f"/openapi/v3/{name}?hash={hashes()[name]}"


def _document(request: Request, name: str, media_type: str) -> Response:
    tag = f'"{hashes()[name]}"'
    headers = {"etag": tag, "vary": "Accept, Accept-Encoding"}
    asked = request.query.get("hash", "")
    if asked and name not in (V2, V2_PROTOBUF):
        if asked != hashes()[name]:
            return Response(301, b"", "text/html; charset=utf-8", {"location": _address(name), "vary": "Accept"})
        headers |= {"cache-control": "public, immutable", "expires": format_datetime(datetime.now(UTC) + _YEAR, True)}
    if tag in [choice.strip() for choice in request.headers.get("if-none-match", "").split(",")]:
        return Response(304, b"", media_type, headers)
    content = (FOLDER / file_name(name)).read_bytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(200, content, media_type, {**headers, "content-encoding": "gzip"})
    return Response(200, gzip.decompress(content), media_type, headers)
