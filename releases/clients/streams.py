"""Answers that go on for as long as there is something to tell: watches and logs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import urllib3

from releases.clients.answers import error_of, unavailable

Object = dict[str, Any]
# A program may write a line without an end: what is beyond this is left out.
LINE_MAX = 20 * 1024


class Stream:
    """An open answer, line by line. Any thread may close it, and whoever reads it then finds it ended."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self.response, self.url = response, url
        self.closed = False

    def close(self) -> None:
        """Ends a read that waits, too."""
        self.closed = True
        with suppress(Exception):  # it may have ended by itself in this instant
            self.response.shutdown()

    def _lines(self, longest: int | None = None) -> Iterator[bytes]:
        """Raises ClusterUnavailable when the connection is lost."""
        rest, beyond = b"", False
        try:
            for chunk in self.response.stream(65536, decode_content=True):
                *whole, rest = (rest + chunk).split(b"\n")
                if beyond and whole:  # the end of a line whose beginning was told
                    del whole[0]
                    beyond = False
                yield from filter(None, whole)
                if beyond:
                    rest = b""
                elif longest is not None and len(rest) > longest:
                    yield rest[:longest]
                    rest, beyond = b"", True
            if rest and longest is not None:
                yield rest
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if not self.closed:
                raise unavailable(self.url, error) from error
        finally:
            with suppress(Exception):
                self.response.close()


class Watch(Stream):
    """(ADDED | MODIFIED | DELETED | BOOKMARK, object), until the stream ends. Raises Expired, ClusterUnavailable."""

    def __iter__(self) -> Iterator[tuple[str, Object]]:
        for line in self._lines():
            try:
                event = json.loads(line)
            except ValueError as error:
                raise unavailable(self.url, error) from error
            if event["type"] == "ERROR":
                self.close()
                raise error_of(event["object"].get("code", 500), event["object"], {})
            yield event["type"], event["object"]


class LogLines(Stream):
    """(time, text) of a container, as the cluster wrote them down. Raises ClusterUnavailable."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for line in self._lines(LINE_MAX):
            time, _, text = line.decode(errors="replace").partition(" ")
            yield time, text
