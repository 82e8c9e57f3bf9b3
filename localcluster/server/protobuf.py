"""Objects in Kubernetes' protobuf form, which `kubectl create` sends for its own kinds of objects.

Only what kubectl's generators fill in is known: field numbers of `k8s.io/api/*/generated.proto`. The envelope is
four magic
bytes and a `runtime.Unknown`. Anything else is refused, and the client has to send JSON.
"""

import base64
from collections.abc import Iterator
from typing import Any

_MAGIC = b"k8s\x00"

_FIELDS: dict[str, dict[int, tuple[str, str]]] = {
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        4: ("selfLink", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        7: ("generation", "int"),
        8: ("creationTimestamp", "ignored"),
        11: ("labels", "map string"),
        12: ("annotations", "map string"),
        14: ("finalizers", "list string"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec"), 3: ("status", "ignored")},
    "NamespaceSpec": {1: ("finalizers", "list string")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map string"),
        3: ("binaryData", "map bytes"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map bytes"),
        3: ("type", "string"),
        4: ("stringData", "map string"),
        5: ("immutable", "bool"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec"), 3: ("status", "ignored")},
    "ServiceSpec": {
        1: ("ports", "list ServicePort"),
        2: ("selector", "map string"),
        3: ("clusterIP", "string"),
        4: ("type", "string"),
        7: ("sessionAffinity", "string"),
        8: ("loadBalancerIP", "string"),
        10: ("externalName", "string"),
        11: ("externalTrafficPolicy", "string"),
        12: ("healthCheckNodePort", "int"),
        13: ("publishNotReadyAddresses", "bool"),
    },
    "ServicePort": {
        1: ("name", "string"),
        2: ("protocol", "string"),
        3: ("port", "int"),
        4: ("targetPort", "intstr"),
        5: ("nodePort", "int"),
    },
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec"), 3: ("status", "ignored")},
    "DeploymentSpec": {
        1: ("replicas", "int"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "DeploymentStrategy"),
        5: ("minReadySeconds", "int"),
        6: ("revisionHistoryLimit", "int"),
        7: ("paused", "bool"),
        9: ("progressDeadlineSeconds", "int"),
    },
    "DeploymentStrategy": {1: ("type", "string")},
    "LabelSelector": {1: ("matchLabels", "map string")},
    "Job": {1: ("metadata", "ObjectMeta"), 2: ("spec", "JobSpec"), 3: ("status", "ignored")},
    "JobSpec": {
        1: ("parallelism", "int"),
        2: ("completions", "int"),
        3: ("activeDeadlineSeconds", "int"),
        4: ("selector", "LabelSelector"),
        5: ("manualSelector", "bool"),
        6: ("template", "PodTemplateSpec"),
        7: ("backoffLimit", "int"),
        8: ("ttlSecondsAfterFinished", "int"),
    },
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {
        2: ("containers", "list Container"),
        3: ("restartPolicy", "string"),
        4: ("terminationGracePeriodSeconds", "int"),
        5: ("activeDeadlineSeconds", "int"),
        6: ("dnsPolicy", "string"),
        7: ("nodeSelector", "map string"),
        8: ("serviceAccountName", "string"),
        9: ("serviceAccount", "string"),
        10: ("nodeName", "string"),
        11: ("hostNetwork", "bool"),
        12: ("hostPID", "bool"),
        13: ("hostIPC", "bool"),
        16: ("hostname", "string"),
        17: ("subdomain", "string"),
        19: ("schedulerName", "string"),
    },
    "Container": {
        1: ("name", "string"),
        2: ("image", "string"),
        3: ("command", "list string"),
        4: ("args", "list string"),
        5: ("workingDir", "string"),
        6: ("ports", "list ContainerPort"),
        7: ("env", "list EnvVar"),
        13: ("terminationMessagePath", "string"),
        14: ("imagePullPolicy", "string"),
        16: ("stdin", "bool"),
        17: ("stdinOnce", "bool"),
        18: ("tty", "bool"),
        20: ("terminationMessagePolicy", "string"),
    },
    "ContainerPort": {
        1: ("name", "string"),
        2: ("hostPort", "int"),
        3: ("containerPort", "int"),
        4: ("protocol", "string"),
        5: ("hostIP", "string"),
    },
    "EnvVar": {1: ("name", "string"), 2: ("value", "string")},
}

_OPTIONAL = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "completions",
    "immutable",
    "manualSelector",
    "parallelism",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "terminationGracePeriodSeconds",
    "ttlSecondsAfterFinished",
}
"""Fields in which zero means zero."""


class Unreadable(Exception):
    """The bytes are no protobuf, or hold what is not known here."""


def decode(body: bytes) -> dict[str, Any]:
    """The object in an envelope, as its JSON form. Raises Unreadable."""
    try:
        return _object(body)
    except (IndexError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from None


def _object(body: bytes) -> dict[str, Any]:
    if not body.startswith(_MAGIC):
        raise Unreadable("no envelope")
    envelope = {number: value for number, value in _pairs(body[len(_MAGIC) :]) if isinstance(value, bytes)}
    types = {number: value for number, value in _pairs(envelope.get(1, b"")) if isinstance(value, bytes)}
    kind = types.get(2, b"").decode()
    if kind not in _FIELDS:
        raise Unreadable(f"kind {kind}")
    return {"apiVersion": types.get(1, b"").decode(), "kind": kind, **_message(kind, envelope.get(2, b""))}


def _message(kind: str, data: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = {}
    for number, raw in _pairs(data):
        name, form = _FIELDS[kind].get(number, ("", "unknown"))
        if form == "ignored" or (not raw and name not in _OPTIONAL):
            continue  # what is not optional is always sent, as zero when it is not set
        if form == "unknown":
            raise Unreadable(f"field {number} of {kind}")
        if form.startswith("list "):
            decoded.setdefault(name, []).append(_value(form[5:], raw))
        elif form.startswith("map "):
            entry = dict(_pairs(_bytes(raw)))
            decoded.setdefault(name, {})[_value("string", entry.get(1, b""))] = _value(form[4:], entry.get(2, b""))
        else:
            value = _value(form, raw)
            if value != {} or name in ("metadata", "spec"):
                decoded[name] = value
    return decoded


def _value(form: str, raw: int | bytes) -> Any:
    if form == "int":
        number = int(raw)
        return number - 2**64 if number >= 2**63 else number
    if form == "bool":
        return bool(raw)
    if form == "string":
        return _bytes(raw).decode()
    if form == "bytes":
        return base64.b64encode(_bytes(raw)).decode()
    if form == "intstr":
        fields = dict(_pairs(_bytes(raw)))
        return _value("string", fields.get(3, b"")) if fields.get(1) else _value("int", fields.get(2, 0))
    return _message(form, _bytes(raw))


def _bytes(raw: int | bytes) -> bytes:
    if not isinstance(raw, bytes):
        raise Unreadable("wrong wire type")
    return raw


def _pairs(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, as numbers and raw values (protobuf's wire format)."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, place = _varint(data, place)
            if place + size > len(data):
                raise Unreadable("unexpected end")
            yield tag >> 3, data[place : place + size]
            place += size
        else:
            raise Unreadable(f"wire type {tag & 7}")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise Unreadable("a number is too long")
