"""A container's message at its end: what it wrote to its terminationMessagePath, or the end of its log.

The rules and limits are those of the API reference (Container, terminationMessagePolicy): the file counts for 4096
bytes; the log, for 80 lines and 2048 bytes, only after a failure, if the policy is FallbackToLogsOnError and the file
is empty.
"""

import contextlib
import os
import stat
from pathlib import Path

FILE_BYTES = 4096
LOG_BYTES = 2048
LOG_LINES = 80
TAIL = 32 * 1024
"""Bytes of a log that surely hold them: a line has at most 16 KiB of text, after a time and a stream."""


def of_file(path: Path) -> str:
    """What is in the file; nothing if it is none, for the program may have put a pipe or a device in its place."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(FILE_BYTES).decode(errors="replace")
    return ""


def of_log(log: Path) -> str:
    """The end of a log."""
    try:
        with log.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - TAIL)
            file.seek(start)
            lines = file.read().split(b"\n")[1 if start else 0 :]
    except OSError:
        return ""
    if lines and not lines[-1]:
        lines.pop()
    fields = [line.split(b" ", 3) for line in lines if line.count(b" ") >= 3]
    texts = [text + (b"" if tag == b"P" else b"\n") for _, _, tag, text in fields]
    return b"".join(texts[-LOG_LINES:])[-LOG_BYTES:].decode(errors="replace")
