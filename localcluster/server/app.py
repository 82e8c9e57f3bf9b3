"""The API server: an ASGI application that lets in who has the token, and answers every request with what the API
says."""

import hmac
import logging
from pathlib import Path
from typing import Any, Protocol

from localcluster.errors import (
    BadRequest,
    Expired,
    MethodNotAllowed,
    Refused,
    StatusError,
    Unauthorized,
)
from localcluster.server import access, authorization, autoscaling, subresources
from localcluster.server import logs as server_logs
from localcluster.server import reads as server_reads
from localcluster.server import watches as server_watch
from localcluster.server.about import about
from localcluster.server.messages import Request, Response, parse_query, refusal
from localcluster.server.routes import UNLISTED, Target, UnknownGroup, segments, target
from localcluster.server.transport import read_body, respond
from localcluster.server.watches import Watcher, Watchers
from localcluster.server.writes import Writes
from localcluster.store.store import Store

log = logging.getLogger(__name__)

_HOSTS = ("127.0.0.1", "localhost")
_OPEN = ("healthz", "livez", "readyz", "version")
"""Answered without a token, as by a real API server."""


class LogSource(Protocol):
    """Where the logs of containers lie."""

    def read_log(self, namespace: str, pod: str, container: str | None, *, previous: bool = False) -> Path:
        """The file of a container's log. Raises StatusError."""


class Api:
    """The ASGI application."""

    def __init__(self, store: Store, logs: LogSource, token: str) -> None:
        self.store, self.logs = store, logs
        self.watchers = Watchers(store)
        self.writes = Writes(store)
        self._token = token.encode()
        self._stopping = False

    def stop(self) -> None:
        """Ends all streams."""
        self._stopping = True
        self.watchers.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except StatusError as error:
            response = refusal(error)
        except UnknownGroup:
            response = Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
        except RecursionError:
            response = refusal(BadRequest("exceeded max depth"))
        except Exception as error:
            log.exception("%s %s failed", scope["method"], scope["path"])
            response = refusal(StatusError(500, "InternalError", f"Internal error occurred: {type(error).__name__}"))
        await respond(response, receive, send)

    async def _answer(self, scope: Any, receive: Any) -> Response:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        parts = segments(scope["raw_path"])
        _refuse_browsers(headers)
        query = parse_query(scope["query_string"])
        if not (len(parts) <= 2 and parts[0] in _OPEN) and not self._is_known(headers):
            watch = query.get("watch", "") in ("1", "true")
            raise authorization.forbidden(scope["method"], parts, watch=watch, path=scope["path"])
        body = await read_body(receive)
        return self._dispatch(Request(scope["method"], scope["path"], query, headers, body), parts)

    def _is_known(self, headers: dict[str, str]) -> bool:
        """Whether the sender has the token; without any it is a stranger. Raises Unauthorized for a wrong one."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return False
        if not hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token):
            raise Unauthorized
        return True

    def _dispatch(self, request: Request, parts: list[str]) -> Response:
        if parts[0] in ("api", "apis") and len(parts) > (2 if parts[0] == "api" else 3):
            if access.serves(parts):
                return access.review(request, parts)
            if autoscaling.serves(parts):
                request, parts = autoscaling.as_v2(request, parts)
                return autoscaling.as_v1(self._resource(request, target(parts)))
            return self._resource(request, target(parts))
        if request.method != "GET":
            raise MethodNotAllowed
        return about(request, parts)

    def _resource(self, request: Request, at: Target) -> Response:
        request.accept  # noqa: B018 - an answer that is not wanted is refused before anything is done
        if at.subresource == "log":
            if request.method != "GET":
                raise MethodNotAllowed
            return self._log(request, at)
        if at.subresource in UNLISTED.get(at.kind.kind, ()):
            return subresources.answer(self.store, request, at)
        if at.name:
            return self._object(request, at)
        if request.method == "GET":
            if request.flag("watch"):
                return self._watch(request, at)
            return server_reads.list_(self.store, request, at.kind, at.namespace)
        if at.kind.namespaced and at.namespace is None:
            raise MethodNotAllowed
        if request.method == "POST":
            return self.writes.create(request, at.kind, at.namespace)
        if request.method == "DELETE":
            return self.writes.delete_all(request, at.kind, at.namespace)
        raise MethodNotAllowed

    def _object(self, request: Request, at: Target) -> Response:
        if request.method == "GET" and at.subresource != "finalize":
            return server_reads.get(self.store, request, at.kind, at.namespace, at.name, at.subresource)
        if request.method == "PUT":
            return self.writes.replace(request, at.kind, at.namespace, at.name, at.subresource)
        if request.method == "PATCH" and at.subresource != "finalize":
            return self.writes.patch(request, at.kind, at.namespace, at.name, at.subresource)
        if request.method == "DELETE" and not at.subresource:
            return self.writes.delete(request, at.kind, at.namespace, at.name)
        raise MethodNotAllowed

    def _watch(self, request: Request, at: Target) -> Response:
        watcher = Watcher(self.store, request, at.kind, at.namespace)
        media_type = "application/json"
        try:
            first = watcher.begin()
        except Expired as error:
            return Response(200, server_watch.error_line(error), media_type)
        self.watchers.add(watcher)
        return Response(200, watcher.lines(first), media_type, finish=lambda: self.watchers.remove(watcher))

    def _log(self, request: Request, at: Target) -> Response:
        choice = server_logs.Choice.of(request)
        container = request.query.get("container") or None
        pod = self.store.get("Pod", at.namespace, at.name)
        path = self.logs.read_log(at.namespace or "", at.name, container, previous=request.flag("previous"))
        follow = request.flag("follow") and not request.flag("previous")
        is_over = (lambda: self._stopping or _has_ended(self.store, pod, container)) if follow else None
        return Response(200, server_logs.read(path, choice, is_over), "text/plain")


def _has_ended(store: Store, pod: dict[str, Any], container: str | None) -> bool:
    """Whether the container that ran in `pod` then runs no more."""
    now = store.find("Pod", pod["metadata"].get("namespace"), pod["metadata"]["name"])
    if now is None or now["metadata"]["uid"] != pod["metadata"]["uid"]:
        return True
    before, after = _container_status(pod, container), _container_status(now, container)
    if "terminated" in after.get("state", {}) or after.get("restartCount", 0) != before.get("restartCount", 0):
        return True
    return now.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _container_status(pod: dict[str, Any], container: str | None) -> dict[str, Any]:
    status = pod.get("status", {})
    statuses = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((one for one in statuses if container in (None, one.get("name"))), {})


def _refuse_browsers(headers: dict[str, str]) -> None:
    """Loopback is no boundary: any web page can send requests here, also by a name that it has pointed here."""
    if "origin" in headers:
        raise Refused("requests from web pages are not answered")
    host = headers.get("host", "").lower()
    if host.partition(":")[0] not in _HOSTS:
        raise Refused("this host name is not served")
