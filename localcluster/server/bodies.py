"""From the body of a request to an object of the right kind, or the API server's complaint."""

import json
from dataclasses import dataclass
from typing import Any

from localcluster.errors import BadRequest, TooLarge
from localcluster.server import protobuf
from localcluster.server.messages import Object, Request, parse_json, parse_yaml, unsupported_media_type
from localcluster.store import validation
from localcluster.store.decode import Repeating, cannot_be_handled, decode
from localcluster.store.resources import Kind

_READ = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_SHOWN = 256
_LARGEST_OBJECT = 3 * 1024 * 1024 // 2
_MOST_VALUES = 50_000


@dataclass(frozen=True)
class Decoded:
    """An object, and the warnings to send with the answer."""

    object: Object
    warnings: tuple[str, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        listed = ", ".join(f'299 - "{_escaped(warning)}"' for warning in self.warnings)
        return {"Warning": listed} if listed else {}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode()


def read_object(request: Request, kind: Kind) -> Decoded:
    """The body of a create or a replace. Raises BadRequest or StatusError (415)."""
    if request.media_type not in ("", *_READ):
        raise unsupported_media_type(*_READ)
    parsed = _parse_protobuf(request) if request.media_type == _READ[2] else _parse(request, kind)
    if not isinstance(parsed, dict):
        raise _unrecognized(kind, request.body, "json: cannot unmarshal into Go value of type struct")
    check_type(parsed, kind)
    return decode_checked(parsed, kind, request)


def _parse_protobuf(request: Request) -> Any:
    try:
        return protobuf.decode(request.body)
    except protobuf.Unreadable:
        raise unsupported_media_type(*_READ[:2]) from None


def _parse(request: Request, kind: Kind) -> Any:
    try:
        return parse_yaml(request.body) if request.media_type == "application/yaml" else parse_json(request.body)
    except ValueError as error:
        raise _unrecognized(kind, request.body, f"json parse error: {_go_words(error)}") from None


def _unrecognized(kind: Kind, body: bytes, why: str) -> BadRequest:
    shown = body[:_SHOWN].decode(errors="replace")
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get version/kind; {why} ({shown})"
    )


def _go_words(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    rest = error.doc[error.pos :].strip()
    return f"invalid character '{rest[0]}' looking for beginning of value" if rest else "unexpected end of JSON input"


def check_type(obj: Object, kind: Kind) -> None:
    """Whether a body is of the kind that its address says; what it leaves out is taken from there. Raises
    BadRequest."""
    version, name = obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind
    if (version, name) == (kind.api_version, kind.kind):
        return
    if name != kind.kind or not isinstance(version, str):
        short = str(version).rpartition("/")[2]
        target = f"{kind.group or 'core'}.{kind.kind}"
        raise BadRequest(
            f'{name} in version "{short}" cannot be handled as a {kind.kind}: '
            f"converting ({short}.{name}) to ({target}): unknown conversion"
        )
    raise BadRequest(
        f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
    )


def decode_checked(obj: Object, kind: Kind, request: Request) -> Decoded:
    """Decodes an object and treats unknown fields as `fieldValidation` says (Strict, Warn, Ignore; default Warn)."""
    if not isinstance(obj.get("metadata") or {}, dict):
        raise cannot_be_handled(
            kind.kind, f"json: cannot unmarshal into Go struct field {kind.kind}.metadata of type v1.ObjectMeta"
        )
    typed = Repeating({**obj, "kind": kind.kind, "apiVersion": kind.api_version})
    typed.repeated = getattr(obj, "repeated", ())
    _check_size(typed)
    decoded, found = decode(kind.kind, typed)
    decoded.setdefault("metadata", {})
    validation.check_encoding(kind.kind, decoded)
    how = request.query.get("fieldValidation") or "Warn"
    complaints = tuple(found)
    if complaints and how == "Strict":
        raise cannot_be_handled(kind.kind, f"strict decoding error: {', '.join(complaints)}")
    return Decoded(decoded, complaints if how == "Warn" else ())


def _check_size(obj: Object) -> None:
    """Raises TooLarge for more than etcd would take."""
    if len(json.dumps(obj, separators=(",", ":"), ensure_ascii=False)) > _LARGEST_OBJECT:
        raise TooLarge(_LARGEST_OBJECT)
    _check_count(obj)


def _check_count(obj: Object) -> None:
    """Raises TooLarge for more values than can be handled while everybody else waits."""
    count = 0
    waiting: list[Any] = [obj]
    while waiting:
        part = waiting.pop()
        parts = part.values() if isinstance(part, dict) else part
        count += len(parts)
        if count > _MOST_VALUES:
            raise TooLarge(_MOST_VALUES, "values")
        waiting.extend(value for value in parts if isinstance(value, dict | list))


def read_patch(request: Request) -> Any:
    """The body of a merge, strategic merge or JSON patch. Raises BadRequest."""
    try:
        return parse_json(request.body)
    except ValueError as error:
        raise BadRequest(f"error decoding patch: {_go_words(error)}") from None


def read_applied(request: Request) -> Object:
    """The body of a server-side apply, YAML or JSON. Raises BadRequest."""
    try:
        parsed = parse_yaml(request.body)
    except ValueError as error:
        raise BadRequest(f"error decoding YAML: {error}") from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("metadata") or {}, dict):
        raise BadRequest("error decoding YAML: the body of an apply is an object with metadata")
    _check_size(parsed)
    return parsed


def parse_body(request: Request) -> Any:
    """The body of a request that is no object of a served kind (options, a Scale, an Eviction): JSON, YAML or protobuf;
    {} where there is none. Raises BadRequest, StatusError (415)."""
    if not request.body.strip():
        return {}
    if request.media_type not in ("", *_READ):
        raise unsupported_media_type(*_READ)
    try:
        if request.media_type == _READ[2]:
            return protobuf.decode(request.body)
        return parse_yaml(request.body) if request.media_type == "application/yaml" else parse_json(request.body)
    except protobuf.Unreadable:
        raise unsupported_media_type(*_READ[:2]) from None
    except ValueError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {_go_words(error)}") from None


def read_options(request: Request) -> Object:
    """The DeleteOptions of a delete: those of the body, else those of the address. Raises BadRequest."""
    options = parse_body(request)
    if not isinstance(options, dict) or not isinstance(options.get("preconditions") or {}, dict):
        raise BadRequest("DeleteOptions cannot be read")
    grace = (
        request.number("gracePeriodSeconds") if "gracePeriodSeconds" not in options else options["gracePeriodSeconds"]
    )
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or not -(2**31) <= grace < 2**31):
        raise BadRequest("gracePeriodSeconds must be a whole number")
    return {
        "propagation": options.get("propagationPolicy") or request.query.get("propagationPolicy", ""),
        "grace": grace,
        "dry_run": request.dry_run or options.get("dryRun") == ["All"],
        "uid": (options.get("preconditions") or {}).get("uid"),
        "resource_version": (options.get("preconditions") or {}).get("resourceVersion"),
    }
