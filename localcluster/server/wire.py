"""Protobuf's wire format: the fields of a message as numbers and raw values."""

from collections.abc import Iterator

MAGIC = b"k8s\x00"
"""What Kubernetes puts before an object in protobuf form."""


class Unreadable(Exception):
    """The bytes are no protobuf, or hold what is not known here."""


def pairs(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, in order. Raises Unreadable, IndexError for bytes that end too early."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
        elif tag & 7 in (1, 2, 5):
            size, place = _varint(data, place) if tag & 7 == 2 else ((8, place) if tag & 7 == 1 else (4, place))
            if place + size > len(data):
                raise Unreadable("unexpected end")
            yield tag >> 3, data[place : place + size]
            place += size
        else:
            raise Unreadable(f"wire type {tag & 7}")


def parts(data: bytes, number: int) -> list[bytes]:
    """The messages, texts or bytes in one field. Raises Unreadable."""
    return [raw_bytes(value) for field, value in pairs(data) if field == number]


def text(data: bytes, number: int) -> str:
    """The text in a field; empty without it. Raises Unreadable."""
    found = parts(data, number)
    return found[-1].decode() if found else ""


def raw_bytes(raw: int | bytes) -> bytes:
    if not isinstance(raw, bytes):
        raise Unreadable("wrong wire type")
    return raw


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
