"""Texts of a pod's status: times, durations, and the last words of a container."""

import os
from pathlib import Path

LAST_BYTES = 2048
LAST_LINES = 80
TAIL = 32 * 1024
"""Bytes of a log that surely hold them: a line has at most 16 KiB of text, after a time and a stream."""


def seconds(moment: str) -> str:
    """An RFC 3339 time without its decimals."""
    return f"{moment[:19]}Z"


def duration(length: float) -> str:
    """Seconds as Go writes them: `10s`, `2m40s`, `500ms`."""
    if length < 1:
        return f"{round(length * 1000)}ms"
    minutes, rest = divmod(length, 60)
    text = f"{rest:g}s"
    return f"{int(minutes)}m{text}" if minutes else text


def last_words(log: Path) -> str:
    """The end of a log: at most 80 lines and 2048 bytes (FallbackToLogsOnError of the API reference, Container)."""
    try:
        with log.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - TAIL)
            file.seek(start)
            lines = file.read().split(b"\n")[1 if start else 0 :]
    except OSError:
        return ""
    if lines and not lines[-1]:
        lines.pop()
    texts = [line.split(b" ", 3)[3] for line in lines if line.count(b" ") >= 3]
    data = b"".join(text + b"\n" for text in texts[-LAST_LINES:])
    return data[-LAST_BYTES:].decode(errors="replace")
