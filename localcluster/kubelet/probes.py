"""Probes: whether a container answers. They go to the process's own port, whatever port the probe names.

Findings are worded as the kubelet words them (recordings crash-loop, readiness-failing, liveness-failing, slow-start).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from localcluster.kubelet import http_get
from localcluster.kubelet.commands import CannotRun
from localcluster.kubelet.messages import duration

Object = dict[str, Any]

FIRST_RETRY = 0.02
LAST_RETRY = 0.25
QUIET = 1.0
"""Seconds after the start in which a port that refuses connections is not worth an Event."""

PASSED, WARNED, FAILED, UNKNOWN = "passed", "warned", "failed", "unknown"


@dataclass(frozen=True)
class Finding:
    """What one probing found. Passed and warned are well; unknown is neither well nor ill, and does not count."""

    kind: str
    text: str = ""


Check = Callable[[], Awaitable[Finding]]
RunCommand = Callable[[list[str]], Awaitable[tuple[int, str]]]
"""Runs a command in the container: exit code and output. Raises CannotRun."""


@dataclass(frozen=True)
class Target:
    """What is probed: the process's own port, the names of the ports it states, and how to run a command there."""

    port: int | None
    names: frozenset[str]
    run_command: RunCommand


@dataclass(frozen=True)
class Probe:
    """A probe as the container states it; times are seconds."""

    action: Object = field(repr=False)
    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    successes: int = 1
    failures: int = 3
    grace: float | None = None

    @staticmethod
    def of(container: Object, name: str) -> "Probe | None":
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
    failed: Callable[[bool], None],
    tell: Callable[[Finding], None],
    impatient: bool,
) -> None:
    """Probes for ever. `tell` hears of what is not well; `failed` then, whether the threshold is reached.

    An impatient probe (readiness, startup) is repeated at short intervals until it first passes, so that a process
    that is ready is noticed at once; failures in between are neither told nor counted more than once a period.
    """
    await asyncio.sleep(probe.initial_delay)
    began = last_counted = time.monotonic()
    delay, passes, failures, has_passed = FIRST_RETRY, 0, 0, False
    while True:
        found = await check()
        now = time.monotonic()
        refused = found.kind == FAILED and "refused" in found.text
        if found.kind in (PASSED, WARNED):
            if found.kind == WARNED:
                tell(found)
            passes, failures = passes + 1, 0
            if passes >= probe.successes:
                has_passed = True
                passed()
        else:
            passes = 0
            starting = impatient and not has_passed and refused and now - began < min(QUIET, probe.period)
            due = not failures or has_passed or now - last_counted >= probe.period * 0.9
            if due and not starting:
                last_counted = now
                failures += found.kind == FAILED
                tell(found)
                if found.kind == FAILED:
                    failed(failures >= probe.failures)
        if impatient and not has_passed and not passes:
            delay = min(delay * 2, LAST_RETRY, probe.period)
            await asyncio.sleep(delay if refused else min(1.0, probe.period))
        else:
            await asyncio.sleep(probe.period)


def checker(probe: Probe, target: Target) -> Check:
    """The check that a probe asks for."""

    async def check() -> Finding:
        try:
            async with asyncio.timeout(probe.timeout):
                return await _look(probe.action, target)
        except TimeoutError:
            return Finding(FAILED, _timed_out(probe, target.port))

    return check


async def _look(action: Object, target: Target) -> Finding:
    if action.get("exec") is not None:
        return await _exec(action["exec"], target)
    if action.get("grpc") is not None:
        return Finding(UNKNOWN, "gRPC probes are not supported by this cluster, which is for development and tests")
    asked = action.get("httpGet") or action.get("tcpSocket") or {}
    named = asked.get("port")
    if isinstance(named, str) and not named.isdecimal() and named not in target.names:
        return Finding(UNKNOWN, f'strconv.Atoi: parsing "{named}": invalid syntax')
    if target.port is None:
        return Finding(UNKNOWN, "the container has no port")
    return await (_http(asked, target.port) if action.get("httpGet") else _tcp(target.port))


async def _exec(action: Object, target: Target) -> Finding:
    try:
        code, output = await target.run_command(action.get("command") or [])
    except CannotRun as error:
        return Finding(UNKNOWN, str(error))
    return Finding(FAILED, output) if code else Finding(PASSED)


async def _http(action: Object, port: int) -> Finding:
    """GET; any status from 200 to 399 is well, but a redirect that leads elsewhere is told."""
    try:
        answer = await http_get.get(action, port)
    except http_get.CannotGet as error:
        return Finding(FAILED, str(error))
    if 300 <= answer.status < 400:
        return Finding(WARNED, f"Probe terminated redirects, Response body: {answer.body}")
    if 200 <= answer.status < 300:
        return Finding(PASSED)
    return Finding(FAILED, f"HTTP probe failed with statuscode: {answer.status}")


async def _tcp(port: int) -> Finding:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return Finding(FAILED, f"dial tcp 127.0.0.1:{port}: connect: connection refused")
    with contextlib.suppress(Exception):
        writer.transport.abort()
    return Finding(PASSED)


def _timed_out(probe: Probe, port: int | None) -> str:
    if probe.action.get("exec") is not None:
        words = " ".join(probe.action["exec"].get("command") or [])
        return f'command timed out: "{words}" timed out after {duration(probe.timeout)}'
    if probe.action.get("httpGet"):
        url = http_get.url_of(probe.action["httpGet"], port or 0)
        return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    return f"dial tcp 127.0.0.1:{port}: i/o timeout"
