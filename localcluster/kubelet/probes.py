"""Probes: whether a container answers. They go to the process's own port, whatever port the probe names.

Failures are worded as the kubelet words them (recordings crash-loop, readiness-failing, liveness-failing).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[], Awaitable[str | None]]
"""Gives None if all is well, else what is wrong."""

FIRST_RETRY = 0.02
LAST_RETRY = 0.25
QUIET = 1.0
"""Seconds after the start in which a port that refuses connections is not worth an Event."""


@dataclass(frozen=True)
class Probe:
    """A probe as the container states it; times are seconds."""

    action: dict[str, Any] = field(repr=False)
    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    successes: int = 1
    failures: int = 3
    grace: float | None = None

    @staticmethod
    def of(container: dict[str, Any], name: str) -> "Probe | None":
        """The probe of that name (`readinessProbe`), None if there is none."""
        given = container.get(name)
        if not given:
            return None
        return Probe(
            action=given,
            initial_delay=given.get("initialDelaySeconds") or 0,
            period=given.get("periodSeconds") or 10,
            timeout=given.get("timeoutSeconds") or 1,
            successes=given.get("successThreshold") or 1,
            failures=given.get("failureThreshold") or 3,
            grace=given.get("terminationGracePeriodSeconds"),
        )


async def watch(
    probe: Probe,
    check: Check,
    *,
    passed: Callable[[], None],
    failed: Callable[[str, bool], None],
    impatient: bool,
) -> None:
    """Probes for ever. `failed` gets the text and whether the threshold is reached.

    An impatient probe (readiness, startup) is repeated at short intervals until it first passes, so that a process
    that is ready is noticed at once; failures in between are neither told nor counted more than once a period.
    """
    await asyncio.sleep(probe.initial_delay)
    began = last_counted = time.monotonic()
    delay, passes, failures, has_passed = FIRST_RETRY, 0, 0, False
    while True:
        text = await check()
        now = time.monotonic()
        if text is None:
            passes, failures = passes + 1, 0
            if passes >= probe.successes:
                has_passed = True
                passed()
        else:
            passes = 0
            starting = impatient and not has_passed and "refused" in text and now - began < min(QUIET, probe.period)
            due = not failures or has_passed or now - last_counted >= probe.period * 0.9
            if due and not starting:
                failures, last_counted = failures + 1, now
                failed(text, failures >= probe.failures)
        if impatient and not has_passed:
            delay = min(delay * 2, LAST_RETRY, probe.period)
            definite = text is not None and "refused" not in text
            await asyncio.sleep(min(1.0, probe.period) if definite else delay)
        else:
            await asyncio.sleep(probe.period)


def checker(probe: Probe, port: int | None, run_command: Callable[[list[str]], Awaitable[tuple[int, str]]]) -> Check:
    """The check that a probe asks for."""

    async def check() -> str | None:
        action = probe.action
        try:
            async with asyncio.timeout(probe.timeout):
                if action.get("exec"):
                    code, output = await run_command(action["exec"].get("command") or [])
                    return output.strip() or f"command exited with {code}" if code else None
                if port is None:
                    return "the container has no port"
                if action.get("httpGet"):
                    return await _http(action["httpGet"], port)
                return await _tcp(port)
        except TimeoutError:
            return _timed_out(probe, port)

    return check


def _timed_out(probe: Probe, port: int | None) -> str:
    if probe.action.get("httpGet"):
        url = f"http://127.0.0.1:{port}{_path(probe.action['httpGet'])}"
        return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    if probe.action.get("exec"):
        words = " ".join(probe.action["exec"].get("command") or [])
        return f'command timed out: "{words}" timed out after {probe.timeout}s'
    return f"dial tcp 127.0.0.1:{port}: i/o timeout"


def _path(action: dict[str, Any]) -> str:
    path = str(action.get("path") or "/")
    return path if path.startswith("/") else f"/{path}"


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(Exception):
        writer.transport.abort()


async def _tcp(port: int) -> str | None:
    try:
        _, writer = await _connect(port)
    except OSError:
        return f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    _close(writer)
    return None


async def _http(action: dict[str, Any], port: int) -> str | None:
    """GET; any status from 200 to 399 is well."""
    path = _path(action)
    url = f"http://127.0.0.1:{port}{path}"
    try:
        reader, writer = await _connect(port)
    except OSError:
        return f'Get "{url}": dial tcp 127.0.0.1:{port}: connect: connection refused'
    try:
        writer.write(_request(action, path, port))
        line = (await reader.readline()).decode("latin-1")
    except (OSError, ValueError) as error:
        return f'Get "{url}": {str(error).lower()}'
    finally:
        _close(writer)
    if not line:
        return f'Get "{url}": EOF'
    words = line.split(" ", 2)
    if not line.startswith("HTTP/") or len(words) < 2 or not words[1].strip().isdecimal():
        return f'Get "{url}": net/http: HTTP/1.x transport connection broken: malformed HTTP response "{line.strip()}"'
    status = int(words[1])
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _request(action: dict[str, Any], path: str, port: int) -> bytes:
    headers = {"Host": f"127.0.0.1:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    for header in action.get("httpHeaders") or []:
        headers[header["name"].title()] = str(header.get("value") or "")
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    # A line's end inside a header's value would be a header of its own.
    return "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines).encode("latin-1", "replace")
