"""Objects in Kubernetes' protobuf form, which typed clients send: an envelope of four magic bytes and a
`runtime.Unknown`.

`protobuf.json` has the fields of the messages; `protobuf_reduction.py` makes it. What is not in there is refused, and
the client has to send JSON.
"""

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from localcluster.server.wire import MAGIC, Unreadable, pairs, raw_bytes

__all__ = ["FILE", "Unreadable", "decode", "message_name"]

FILE = Path(__file__).with_name("protobuf.json")

_DEEPEST = 64
_ZERO_COUNTS = """
    activeDeadlineSeconds allocateLoadBalancerNodePorts allowPrivilegeEscalation automountServiceAccountToken
    averageUtilization backoffLimit backoffLimitPerIndex blockOwnerDeletion completions controller defaultMode
    deletionGracePeriodSeconds enableServiceLinks expirationSeconds failedJobsHistoryLimit fsGroup gracePeriodSeconds
    hostUsers immutable manualSelector maxFailedIndexes minReplicas mode optional orphanDependents parallelism priority
    privileged procMount progressDeadlineSeconds readOnlyRootFilesystem replicas revisionHistoryLimit runAsGroup
    runAsNonRoot runAsUser serving setHostnameAsFQDN shareProcessNamespace stabilizationWindowSeconds
    startingDeadlineSeconds storageClassName successfulJobsHistoryLimit suspend targetCPUUtilizationPercentage
    terminating terminationGracePeriodSeconds tolerationSeconds ttlSecondsAfterFinished
"""
_OPTIONAL = frozenset(_ZERO_COUNTS.split())
"""Fields in which zero means zero: the others are always sent, as zero when they are not set."""


def decode(body: bytes) -> dict[str, Any]:
    """The object in an envelope, as its JSON form. Raises Unreadable."""
    try:
        return _object(body)
    except (IndexError, UnicodeDecodeError, ValueError, TypeError, OverflowError, struct.error) as error:
        raise Unreadable(str(error)) from None


def message_name(api_version: str, kind: str) -> str:
    """The message of a kind: `networking/v1.Ingress`."""
    group, _, version = api_version.rpartition("/")
    return f"{(group or 'core').removesuffix('.k8s.io')}/{version}.{kind}"


@cache
def _messages() -> dict[str, dict[str, tuple[str, str]]]:
    messages: dict[str, dict[str, tuple[str, str]]] = json.loads(FILE.read_text())
    return messages


def _object(body: bytes) -> dict[str, Any]:
    if not body.startswith(MAGIC):
        raise Unreadable("no envelope")
    envelope = {number: value for number, value in pairs(body[len(MAGIC) :]) if isinstance(value, bytes)}
    types = {number: value for number, value in pairs(envelope.get(1, b"")) if isinstance(value, bytes)}
    api_version, kind = types.get(1, b"").decode(), types.get(2, b"").decode()
    name = "meta/v1.DeleteOptions" if kind == "DeleteOptions" else message_name(api_version, kind)
    return {"apiVersion": api_version, "kind": kind, **_message(name, envelope.get(2, b""), 0)}


def _message(kind: str, data: bytes, depth: int) -> dict[str, Any]:
    fields = _messages().get(kind)
    if fields is None or depth > _DEEPEST:
        raise Unreadable(f"message {kind}")
    decoded: dict[str, Any] = {}
    for number, raw in pairs(data):
        name, form = fields.get(str(number), ("", ""))
        if not raw and name not in _OPTIONAL and not form.startswith(("list ", "map ")):
            if "." in form and name:
                decoded[name] = {}
            continue
        if not form:
            raise Unreadable(f"field {number} of {kind}")
        if form.startswith("list "):
            decoded.setdefault(name, []).append(_value(form[5:], raw, depth))
        elif form.startswith("map "):
            entry = dict(pairs(raw_bytes(raw)))
            key = _value("string", entry.get(1, b""), depth)
            decoded.setdefault(name, {})[key] = _value(form[4:], entry.get(2, b""), depth)
        else:
            value = _value(form, raw, depth)
            decoded.update({name: value} if name else value)
    return decoded


def _value(form: str, raw: int | bytes, depth: int) -> Any:
    if "." in form:
        return _message(form, raw_bytes(raw), depth + 1)
    if form == "int":
        number = int(raw)
        return number - 2**64 if number >= 2**63 else number
    if form == "bool":
        return bool(raw)
    data = raw_bytes(raw)
    if form == "string":
        return data.decode()
    if form == "bytes":
        return base64.b64encode(data).decode()
    if form == "double":
        return struct.unpack("<d", data)[0]
    fields = dict(pairs(data))
    if form == "intstr":
        return _value("string", fields.get(3, b""), depth) if fields.get(1) else _value("int", fields.get(2, 0), depth)
    if form == "quantity":
        return _value("string", fields.get(1, b""), depth)
    if form in ("fields", "raw"):
        return json.loads(raw_bytes(fields.get(1, b"{}")))
    return _time(fields, precise=form == "microtime")


def _time(fields: dict[int, int | bytes], *, precise: bool) -> str | None:
    """Seconds and nanoseconds since 1970 as RFC 3339; None for a time that is not set (of the year 1)."""
    seconds, nanoseconds = _value("int", fields.get(1, 0), 0), _value("int", fields.get(2, 0), 0)
    if not fields or seconds == -62135596800:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if precise else "%Y-%m-%dT%H:%M:%SZ")
