"""Makes `protobuf.json` from the descriptions that a kubectl carries of the messages that it sends.

Run by `python -m localcluster.server.protobuf_reduction KUBECTL`; kubectl 1.27 to 1.33 are known to carry them: each
`generated.proto` of k8s.io/api as a compressed FileDescriptorProto.
"""

import json
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster.server.protobuf import FILE, message_name
from localcluster.server.wire import pairs, parts, text
from localcluster.store.resources import KINDS
from localcluster.store.schema import Struct, of_kind

_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
_LONGEST = 1 << 20
_ALSO = (
    "meta/v1.DeleteOptions",
    "authentication/v1.SelfSubjectReview",
    "authentication/v1.TokenRequest",
    "authorization/v1.SelfSubjectAccessReview",
    "authorization/v1.SelfSubjectRulesReview",
    "autoscaling/v1.HorizontalPodAutoscaler",
    "autoscaling/v1.Scale",
    "policy/v1.Eviction",
)
_FORMS = {1: "double", 3: "int", 4: "int", 5: "int", 8: "bool", 9: "string", 12: "bytes", 13: "int"}
_LEAVES = {
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intstr",
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "microtime",
    "meta/v1.FieldsV1": "fields",
    "runtime.RawExtension": "raw",
}


@dataclass(frozen=True)
class _Field:
    number: int
    name: str
    form: str
    """A leaf's name or a message's; `list …` and `map …` of one."""


def descriptions(program: bytes) -> Iterator[bytes]:
    """The FileDescriptorProto messages in a program."""
    for found in re.finditer(re.escape(_GZIP), program):
        try:
            content = zlib.decompressobj(31).decompress(program[found.start() : found.start() + _LONGEST])
        except zlib.error:
            continue
        if b"/generated.proto" in content[:120]:
            yield content


def _short(name: str) -> str:
    """`core/v1.Pod` for `.k8s.io.api.core.v1.Pod`."""
    *_, group, version, message = name.rsplit(".", 3)
    return f"{group}/{version}.{message}" if re.fullmatch(r"v\d\w*", version) else f"{version}.{message}"


def _messages(content: bytes) -> Iterator[tuple[str, list[_Field]]]:
    package = text(content, 2)
    for message in parts(content, 4):
        name = f".{package}.{text(message, 1)}"
        entries = {f"{name}.{text(entry, 1)}": parts(entry, 2) for entry in parts(message, 3)}
        yield _short(name), [_field(raw, entries) for raw in parts(message, 2)]


def _field(raw: bytes, entries: dict[str, list[bytes]]) -> _Field:
    numbers = {number: value for number, value in pairs(raw) if isinstance(value, int)}
    type_name = text(raw, 6)
    if type_name in entries:
        form = "map " + _form(entries[type_name][1])
    else:
        form = ("list " if numbers[4] == 3 else "") + _form(raw)
    return _Field(numbers[3], text(raw, 1), form)


def _form(raw: bytes) -> str:
    number = next(value for field, value in pairs(raw) if field == 5)
    if number != 11:
        return _FORMS[int(number)]
    name = _short(text(raw, 6))
    return _LEAVES.get(name, name)


def reduce_program(program: bytes) -> dict[str, dict[str, list[str]]]:
    """The content of `protobuf.json`: by message and field number, the field's name and form. A field without a name
    is written into the object around it."""
    known: dict[str, list[_Field]] = {}
    for content in descriptions(program):
        known.update(_messages(content))
    reduced: dict[str, dict[str, list[str]]] = {}
    waiting: list[tuple[str, Struct | None]] = [(name, None) for name in _ALSO]
    waiting += [(message_name(kind.api_version, kind.kind), of_kind(kind.kind)) for kind in KINDS.values()]
    while waiting:
        name, struct = waiting.pop()
        if name in reduced:
            continue
        reduced[name] = {}
        for field in known[name]:
            is_embedded = struct and field.form in known and not struct.field(field.name)
            reduced[name][str(field.number)] = ["" if is_embedded else field.name, field.form]
            element = field.form.rpartition(" ")[2]
            if element in known:
                waiting.append((element, _struct(element)))
    return dict(sorted(reduced.items()))


def _struct(message: str) -> Struct | None:
    struct = of_kind(message.rpartition(".")[2])
    try:
        struct.field("")
    except KeyError:
        return None
    return struct


if __name__ == "__main__":
    content = reduce_program(Path(sys.argv[1]).read_bytes())
    FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n")
