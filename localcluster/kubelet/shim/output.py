"""What a process prints, as lines of a log file in the format of CRI (Kubernetes, "CRI logging")."""

import contextlib
import os
import time

LINE_LIMIT = 16 * 1024
"""Bytes of text in one entry; a longer line is several, of which all but the last are partial."""

WHOLE, PARTIAL = b"F", b"P"


def stamp() -> str:
    """The present as RFC 3339 with nanoseconds."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanos:09d}Z"


class Log:
    """A file of lines `<time> <stream> <F|P> <text>`. At its limit it becomes `<path>.1`, in place of an older one."""

    def __init__(self, path: str, limit: int) -> None:
        self.path, self.limit = path, limit
        self.rest = {"stdout": b"", "stderr": b""}
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.fd).st_size

    def add(self, stream: str, data: bytes) -> None:
        """Writes whole lines, and of an unfinished one what is too long to keep."""
        *lines, rest = (self.rest[stream] + data).split(b"\n")
        entries = [entry for line in lines for entry in pieces(line)]
        if len(rest) > LINE_LIMIT:
            *partial, (_, rest) = pieces(rest)
            entries += partial
        self.rest[stream] = rest
        self._write(stream, entries)

    def finish(self) -> None:
        """Writes what did not end with a line's end."""
        for stream, rest in self.rest.items():
            if rest:
                self._write(stream, [(WHOLE, rest)])
        self.rest = dict.fromkeys(self.rest, b"")

    def _write(self, stream: str, entries: list[tuple[bytes, bytes]]) -> None:
        prefix = f"{stamp()} {stream} ".encode()
        data = b"".join(prefix + tag + b" " + text + b"\n" for tag, text in entries)
        if not data:
            return
        # A full disk must not end the program whose output this is.
        if self.size + len(data) > self.limit and self.size:
            with contextlib.suppress(OSError):
                self._begin_anew()
        with contextlib.suppress(OSError):
            self.size += os.write(self.fd, data)

    def _begin_anew(self) -> None:
        full = self.fd
        os.replace(self.path, f"{self.path}.1")
        self._open()
        os.close(full)


def pieces(line: bytes) -> list[tuple[bytes, bytes]]:
    """A line as the entries that it takes."""
    texts = [line[at : at + LINE_LIMIT] for at in range(0, len(line) or 1, LINE_LIMIT)]
    return [(PARTIAL, text) for text in texts[:-1]] + [(WHOLE, texts[-1])]
