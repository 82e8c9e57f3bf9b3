"""Which processes answer for a host: the ready ones of the app's Service object, or of one that an Ingress names."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from localcluster.kubelet import pods
from localcluster.store.selectors import Selector
from localcluster.store.store import Store

Object = dict[str, Any]

SUFFIX = ".localhost"
NAMESPACE_PREFIX = "deployer-"


class UnknownHost(Exception):
    """Nothing is said about that host (and path)."""


class Routes:
    """Answers from the store as it is at that moment, so that a process that is being deleted is never given."""

    def __init__(self, store: Store, port_of: Callable[[str], int | None]) -> None:
        self.store, self.port_of = store, port_of
        self._turns: dict[str, Iterator[int]] = defaultdict(itertools.count)

    def ports(self, host: str, path: str) -> list[int]:
        """The ports of the ready processes in the order to try them, the next in turn first. Raises UnknownHost."""
        service = self._service(_bare(host), path.partition("?")[0])
        found = [self.port_of(pod["metadata"]["uid"]) for pod in self._ready(service)]
        ports = [port for port in found if port is not None]
        if not ports:
            return []
        start = next(self._turns[service["metadata"]["uid"]]) % len(ports)
        return ports[start:] + ports[:start]

    def _ready(self, service: Object) -> list[Object]:
        selector = service["spec"].get("selector")
        if not selector:
            return []
        found = self.store.list("Pod", service["metadata"]["namespace"], Selector.equal(selector))
        return [pod for pod in found if pods.serves(pod)]

    def _service(self, host: str, path: str) -> Object:
        service = self._by_ingress(host, path) or self._by_app(host)
        if service is None:
            raise UnknownHost(host)
        return service

    def _by_app(self, host: str) -> Object | None:
        """The Service object `web` of the app's namespace, else its only one with a port."""
        if not host.endswith(SUFFIX):
            return None
        services = self.store.list("Service", NAMESPACE_PREFIX + host.removesuffix(SUFFIX))
        with_port = [service for service in services if service["spec"].get("ports")]
        for service in with_port:
            if service["metadata"]["name"] == "web":
                return service
        return with_port[0] if len(with_port) == 1 else None

    def _by_ingress(self, host: str, path: str) -> Object | None:
        """The backend with the longest path that fits; a host stated in full goes before a wildcard."""
        best: tuple[tuple[bool, int], str, str] | None = None
        for ingress in self.store.list("Ingress"):
            for rule in (ingress.get("spec") or {}).get("rules") or []:
                stated = str(rule.get("host") or "").lower()
                if not stated or not _host_fits(stated, host):
                    continue
                for entry in (rule.get("http") or {}).get("paths") or []:
                    name = ((entry.get("backend") or {}).get("service") or {}).get("name")
                    if not name or not _path_fits(entry, path):
                        continue
                    rank = (stated == host, len(entry.get("path") or "/"))
                    if best is None or rank > best[0]:
                        best = (rank, ingress["metadata"]["namespace"], name)
        return self.store.find("Service", best[1], best[2]) if best else None


def _bare(host: str) -> str:
    """Without port, final dot and capitals."""
    name = host.strip().lower()
    if not name.startswith("["):
        name = name.partition(":")[0]
    return name.rstrip(".")


def _host_fits(stated: str, host: str) -> bool:
    """A wildcard stands for exactly one label (Kubernetes documentation, "Ingress")."""
    if stated.startswith("*."):
        return host.partition(".")[2] == stated[2:] and not host.startswith(".")
    return stated == host


def _path_fits(entry: Object, path: str) -> bool:
    stated = entry.get("path") or "/"
    if entry.get("pathType") == "Exact":
        return bool(path == stated)
    prefix = stated.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")
