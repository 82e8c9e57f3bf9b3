"""Requests and responses, and what bodies and headers of theirs mean."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import yaml

from localcluster.errors import BadRequest, StatusError
from localcluster.server.parsing import parse_json, parse_yaml

__all__ = [
    "Accept",
    "Object",
    "Request",
    "Response",
    "json_response",
    "negotiate",
    "parse_json",
    "parse_query",
    "parse_yaml",
    "refusal",
    "unsupported_media_type",
]

Object = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request whose body has been read. Header names are in lower case; of repeated parameters the first counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")

    def number(self, name: str) -> int | None:
        """A whole number that is not negative, or None without one. Raises BadRequest."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise BadRequest(f'{name}: Invalid value: "{text}": strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    @property
    def dry_run(self) -> bool:
        wanted = self.query.get("dryRun", "")
        if wanted not in ("", "All"):
            raise BadRequest(f'dryRun: Unsupported value: "{wanted}": supported values: "All"')
        return wanted == "All"

    @property
    def manager(self) -> str:
        """Who writes: `fieldManager`, else the name of the program, up to 128 characters."""
        program = self.headers.get("user-agent", "").partition("/")[0]
        return self.query.get("fieldManager") or "".join(filter(str.isprintable, program))[:128] or "unknown"

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @cached_property
    def accept(self) -> "Accept":
        """Raises StatusError (406)."""
        return negotiate(self.headers.get("accept", ""))


@dataclass
class Response:
    """`body` is complete, or comes in pieces until the client goes away; `finish` is called when nobody reads any
    more."""

    status: int
    body: bytes | AsyncIterator[bytes]
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    finish: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Accept:
    """What the client wants: form is empty, `Table` or `PartialObjectMetadata`."""

    form: str = ""
    is_yaml: bool = False


_REPRESENTATIONS = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)


def negotiate(header: str) -> Accept:
    """The first of the accepted forms that can be served. Raises StatusError (406)."""
    for choice in header.split(",") if header.strip() else ["*/*"]:
        media_type, *rest = (part.strip() for part in choice.split(";"))
        parameters = dict(part.partition("=")[::2] for part in rest)
        if media_type == "application/yaml":
            return Accept(is_yaml=True)
        if media_type not in ("application/json", "application/*", "*/*"):
            continue
        form = parameters.get("as", "").removesuffix("List")
        if form in ("", "PartialObjectMetadata") or (form == "Table" and parameters.get("v") == "v1"):
            return Accept(form)
    message = f"406: Not Acceptable\n\nAvailable representations: {_REPRESENTATIONS}"
    raise StatusError(406, "NotAcceptable", message, {})


def parse_query(text: bytes) -> dict[str, str]:
    """The parameters. Raises BadRequest for more than anybody needs."""
    try:
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise BadRequest("too many query parameters") from None
    return dict(reversed(pairs))


def json_response(status: int, body: Any, headers: dict[str, str] | None = None, *, as_yaml: bool = False) -> Response:
    if as_yaml:
        return Response(status, yaml.safe_dump(body, sort_keys=False).encode(), "application/yaml", headers or {})
    return Response(status, json.dumps(body, separators=(",", ":")).encode(), headers=headers or {})


def refusal(error: StatusError) -> Response:
    return json_response(error.code, error.body(), error.headers)


def unsupported_media_type(*accepted: str) -> StatusError:
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return StatusError(415, "UnsupportedMediaType", message)
