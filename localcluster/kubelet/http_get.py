"""One HTTP GET as the kubelet's probes and hooks make it, and its faults in the words of Go's client."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

HOST = "127.0.0.1"
REDIRECTS = 10
BODY_LIMIT = 10 * 1024
HEADERS_LIMIT = 64 * 1024


class CannotGet(Exception):
    """There was no answer; the text names the address and the fault."""


@dataclass(frozen=True)
class Answer:
    """A status, and for a redirect to another host, which is not followed, the beginning of its body."""

    status: int
    location: str = ""
    body: str = ""


def url_of(action: dict[str, Any], port: int) -> str:
    """The address that a `httpGet` asks; its host and port are those of the process, whatever it says."""
    path = str(action.get("path") or "/")
    scheme = "https" if action.get("scheme") == "HTTPS" else "http"
    return f"{scheme}://{HOST}:{port}{path if path.startswith('/') else f'/{path}'}"


async def get(action: dict[str, Any], port: int) -> Answer:
    """Asks, and follows redirects to the same host. Certificates are not verified. Raises CannotGet."""
    url = url_of(action, port)
    for _ in range(REDIRECTS):
        answer = await _get(url, action)
        if not (300 <= answer.status < 400 and answer.location):
            return answer
        try:
            target = urljoin(url, answer.location)
            parts = urlsplit(target)
            if parts.hostname != HOST or parts.port == 0:
                return answer
        except ValueError as error:
            fault = f'failed to parse Location header "{answer.location}": {error}'
            raise CannotGet(f'Get "{url}": {fault}') from None
        url = target
    raise CannotGet(f'Get "{url}": stopped after {REDIRECTS} redirects')


async def _get(url: str, action: dict[str, Any]) -> Answer:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        reader, writer = await asyncio.open_connection(
            HOST, port, ssl=_unverified() if secure else None, limit=HEADERS_LIMIT
        )
    except ssl.SSLError as error:
        plain = "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error)
        fault = "http: server gave HTTP response to HTTPS client" if plain else f"remote error: tls: {error.reason}"
        raise CannotGet(f'Get "{url}": {fault}') from None
    except ConnectionRefusedError:
        raise CannotGet(f'Get "{url}": dial tcp {HOST}:{port}: connect: connection refused') from None
    except OSError as error:
        raise CannotGet(f'Get "{url}": dial tcp {HOST}:{port}: {(error.strerror or str(error)).lower()}') from None
    try:
        writer.write(_request(parts.path + (f"?{parts.query}" if parts.query else ""), port, action))
        return await _answer(reader)
    except (OSError, ValueError, EOFError) as error:
        raise CannotGet(f'Get "{url}": {_fault(error, writer)}') from None
    finally:
        with contextlib.suppress(Exception):
            writer.transport.abort()


def _fault(error: Exception, writer: asyncio.StreamWriter) -> str:
    if isinstance(error, EOFError):
        return "EOF"
    if isinstance(error, ConnectionResetError):
        here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        ends = f"{here[0]}:{here[1]}->{there[0]}:{there[1]}" if here and there else HOST
        return f"read tcp {ends}: read: connection reset by peer"
    return str(error)


async def _answer(reader: asyncio.StreamReader) -> Answer:
    line = (await reader.readline()).decode("latin-1")
    if not line:
        raise EOFError
    words = line.split(" ", 2)
    if not line.startswith("HTTP/") or len(words) < 2 or not words[1].strip().isdecimal():
        broken = "net/http: HTTP/1.x transport connection broken"
        raise ValueError(f'{broken}: malformed HTTP response "{line.strip()}"')
    status, location = int(words[1]), ""
    while (header := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        if name.lower() == "location":
            location = value.strip()
    body = await reader.read(BODY_LIMIT) if 300 <= status < 400 else b""
    return Answer(status, location, body.decode(errors="replace"))


def _request(path: str, port: int, action: dict[str, Any]) -> bytes:
    headers = {"Host": f"{HOST}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    for header in action.get("httpHeaders") or []:
        headers[header["name"].title()] = str(header.get("value") or "")
    lines = [f"GET {path or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    # A line's end inside a header's value would be a header of its own.
    return "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines).encode("latin-1", "replace")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
