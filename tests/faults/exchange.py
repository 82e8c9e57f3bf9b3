"""One request to the API server and its answer, as the proxy sees them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

WRITES = ("POST", "PUT", "PATCH", "DELETE")
NAMED_PARENTS = ("namespaces", "nodes")


class Cut(Exception):
    """The client shall see a connection that ends without an answer."""


@dataclass(frozen=True)
class Request:
    """`target`: path and query, as they came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @cached_property
    def _parts(self) -> list[str]:
        parts = urlsplit(self.target).path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        return parts[2:] if len(parts) > 2 and parts[0] in NAMED_PARENTS else parts

    @property
    def plural(self) -> str:
        """Of the kind that is asked for: `pods`; "" for what is no object."""
        return self._parts[0] if self._parts else ""

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") in ("true", "1")

    @property
    def is_stream(self) -> bool:
        return self.is_watch or self.query.get("follow") in ("true", "1")

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and len(self._parts) == 1 and not self.is_watch

    @property
    def is_write(self) -> bool:
        return self.method in WRITES and "dryRun" not in self.query


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def refusal(code: int, reason: str, message: str, **headers: str) -> Answer:
    """An answer as the API server itself gives it when it can't (a Status of apimachinery's `meta/v1`)."""
    text = json.dumps(status(code, reason, message)).encode()
    return Answer(code, text, {"content-type": "application/json"} | headers)


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    about = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return about | {"message": message, "reason": reason, "code": code}
