"""Header fields on their way through the door (RFC 9110, 7.6: what concerns one connection only is not passed on)."""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
FORWARDED = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}


def get(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The values of a field, joined by commas; empty if it is not there."""
    return b", ".join(value for key, value in headers if key == name)


def end_to_end(headers: Headers) -> Headers:
    """What is passed on: neither hop-by-hop fields nor those that `Connection` names."""
    named = {token.strip().lower() for token in get(headers, b"connection").split(b",")}
    return [(key, value) for key, value in headers if key not in HOP_BY_HOP and key not in named]


def wants_upgrade(headers: Headers) -> bytes:
    """The protocol that a request asks to change to, empty if none."""
    tokens = {token.strip().lower() for token in get(headers, b"connection").split(b",")}
    return get(headers, b"upgrade") if b"upgrade" in tokens else b""


def has_body(headers: Headers) -> bool:
    return bool(get(headers, b"transfer-encoding")) or get(headers, b"content-length") not in (b"", b"0")


def for_process(headers: Headers, client: str) -> Headers:
    """The request's fields as a process gets them: with where it came from, whatever the client says about that."""
    kept = [(key, value) for key, value in end_to_end(headers) if key not in FORWARDED and key != b"expect"]
    kept += [
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", get(headers, b"host")),
    ]
    if get(headers, b"transfer-encoding"):
        kept = [(key, value) for key, value in kept if key != b"content-length"]
        kept.append((b"transfer-encoding", b"chunked"))
    upgrade = wants_upgrade(headers)
    kept += [(b"connection", b"upgrade"), (b"upgrade", upgrade)] if upgrade else [(b"connection", b"close")]
    return kept
