"""Commands that run beside a container's program, with its environment and in its folder: exec probes and hooks."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from localcluster.kubelet.shim.program import CannotStart, find_program

OUTPUT_LIMIT = 10 * 1024
"""Bytes of output that are kept (kubelet, maxReadLength of an exec probe)."""
LAST_OUTPUT = 0.5
"""Seconds that an ended command's output is waited for: a process that it left behind may hold it open."""


class CannotRun(Exception):
    """The command could not be started; the text is what the kubelet says of containerd's answer."""


async def run(argv: list[str], env: dict[str, str], cwd: Path) -> tuple[int, str]:
    """The exit code and the output, standard output and error together. Raises CannotRun.

    Nothing of it outlives the call, also when that is cancelled (a time-out): its process group is killed.
    """
    child = await _start(argv, env, cwd)
    output = bytearray()
    reading = asyncio.ensure_future(_collect(child, output))
    try:
        code = await child.wait()
        await asyncio.wait([reading], timeout=LAST_OUTPUT)
    finally:
        reading.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        await asyncio.shield(child.wait())
    return code if code >= 0 else 128 - code, output.decode(errors="replace")


async def _start(argv: list[str], env: dict[str, str], cwd: Path) -> asyncio.subprocess.Process:
    try:
        if not argv:
            raise CannotStart("no command specified")
        program = argv[0] if "/" in argv[0] else find_program(argv[0], env.get("PATH", ""))
        return await asyncio.create_subprocess_exec(
            *argv,
            executable=program,
            cwd=cwd,
            env=env,
            start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except CannotStart as error:
        text = str(error)
    except (OSError, ValueError) as error:
        text = f'exec: "{argv[0]}": {(getattr(error, "strerror", None) or str(error)).lower()}'
    failed = "OCI runtime exec failed: exec failed: unable to start container process"
    raise CannotRun(f"rpc error: code = Unknown desc = failed to exec in container: {failed}: {text}")


async def _collect(child: asyncio.subprocess.Process, output: bytearray) -> None:
    assert child.stdout
    while piece := await child.stdout.read(1 << 16):
        output += piece[: OUTPUT_LIMIT - len(output)]
