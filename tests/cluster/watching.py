"""Availability, as the cluster's own watch tells of it: no moment is missed."""

import threading
from collections.abc import Callable
from typing import Self

from urllib3.exceptions import HTTPError

from tests.cluster import patience
from tests.cluster.kube import Kube, Object, Refused

WATCH_SECONDS = 300


class Availability:
    """From `with` to its end: of one service, how many processes were ready at each change of a pod, and how many were
    available at each change of the Deployment.

    `least()` is the lowest number. A watch that breaks goes on from a new list, so a failure is never made up by it.
    """

    def __init__(self, kube: Kube, namespace: str, service: str) -> None:
        self.kube, self.namespace, self.service = kube, namespace, service
        self.ready: list[int] = []
        self.available: list[int] = []
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        self.over = threading.Event()
        for follow in (self._follow_pods, self._follow_deployment):
            begun = threading.Event()
            threading.Thread(target=self._run, args=(follow, begun), daemon=True).start()
            assert begun.wait(patience.SOON) and self.failure is None, self.failure
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()

    def least(self) -> int:
        assert self.failure is None, self.failure
        assert len(self.ready) > 1 and len(self.available) > 1, "the watches told of no change"
        return min(self.ready + self.available)

    def _run(self, follow: Callable[[threading.Event], None], begun: threading.Event) -> None:
        while not self.over.is_set():
            try:
                follow(begun)
            except (HTTPError, OSError):
                self.over.wait(0.2)
            except Refused as refused:
                if refused.status != 410:
                    self.failure = refused
                    begun.set()
                    return

    def _follow_pods(self, begun: threading.Event) -> None:
        items, version = self.kube.list("pods", self.namespace, f"deployer/service={self.service}")
        pods = {pod["metadata"]["uid"]: pod for pod in items}
        self.ready.append(sum(map(is_ready, pods.values())))
        begun.set()
        for event in self.kube.watch("pods", self.namespace, version, seconds=WATCH_SECONDS):
            pod = event["object"]
            if self.over.is_set() or event["type"] == "ERROR":
                return
            if pod["metadata"].get("labels", {}).get("deployer/service") != self.service:
                continue
            pods[pod["metadata"]["uid"]] = pod
            if event["type"] == "DELETED":
                del pods[pod["metadata"]["uid"]]
            self.ready.append(sum(map(is_ready, pods.values())))

    def _follow_deployment(self, begun: threading.Event) -> None:
        items, version = self.kube.list("deployments", self.namespace)
        self.available += [_available(obj) for obj in items if obj["metadata"]["name"] == self.service]
        begun.set()
        for event in self.kube.watch("deployments", self.namespace, version, seconds=WATCH_SECONDS):
            if self.over.is_set() or event["type"] == "ERROR":
                return
            if event["object"]["metadata"]["name"] == self.service:
                self.available.append(_available(event["object"]))


def is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _available(deployment: Object) -> int:
    return int(deployment["status"].get("availableReplicas") or 0)
