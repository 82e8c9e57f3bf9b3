"""What the pods of a target use of the CPU, measured between two looks."""

import time
from collections.abc import Callable
from typing import Any

from localcluster.controllers import nodes
from localcluster.controllers.autoscaling import Usage
from localcluster.kubelet import pods
from localcluster.store.selectors import Selector
from localcluster.store.store import Store

Object = dict[str, Any]

_SHORTEST = 1.0
"""Seconds between two looks at a pod that a rate is made of."""


class NoMetric(Exception):
    """A metric that cannot be had; the message is the API's."""


class CpuUsage:
    """The rates of all pods that were ever asked for. `cpu_seconds` gives what a pod (its uid) has used so far."""

    def __init__(self, store: Store, cpu_seconds: Callable[[str], float | None]) -> None:
        self._store, self._cpu_seconds = store, cpu_seconds
        self._samples: dict[str, tuple[float, float]] = {}
        """Monotonic time and CPU seconds of each pod when it was last looked at, by uid."""
        self._rates: dict[str, int] = {}

    def forget(self, uid: str) -> None:
        self._samples.pop(uid, None)
        self._rates.pop(uid, None)

    def lacks_rates(self, target: Object) -> bool:
        """Whether a pod was looked at for the first time only just now."""
        uids = [pod["metadata"]["uid"] for pod in self._ready(target)]
        return any(uid in self._samples and uid not in self._rates for uid in uids)

    def of(self, target: Object, *, needs_request: bool) -> Usage:
        """What the target's ready pods use. Raises NoMetric when none can be measured, or a request is missing."""
        failed = "failed to get cpu utilization: "
        rates = [(pod, self._rate(pod["metadata"]["uid"])) for pod in self._ready(target)]
        measured = [(pod, rate) for pod, rate in rates if rate is not None]
        if not measured:
            why = "no metrics returned from resource metrics API"
            raise NoMetric(f"{failed}unable to get metrics for resource cpu: {why}")
        for pod, _ in measured if needs_request else []:
            for container in pod["spec"]["containers"]:
                if "cpu" not in ((container.get("resources") or {}).get("requests") or {}):
                    place = f"container {container['name']} of Pod {pod['metadata']['name']}"
                    raise NoMetric(f"{failed}missing request for cpu in {place}")
        asked = sum(nodes.requested(pod["spec"]).cpu for pod, _ in measured)
        return Usage(sum(rate for _, rate in measured), asked, len(measured))

    def _ready(self, target: Object) -> list[Object]:
        selector = Selector.of(target["spec"].get("selector"))
        found = self._store.list("Pod", target["metadata"]["namespace"], selector)
        return [pod for pod in found if pods.is_active(pod) and pods.is_ready(pod)]

    def _rate(self, uid: str) -> int | None:
        """Thousandths of a core since the pod was last looked at; a second look within a second gives the same."""
        used, now = self._cpu_seconds(uid), time.monotonic()
        if used is None:
            return None
        moment, before = self._samples.get(uid, (now, used))
        if uid not in self._samples or now - moment >= _SHORTEST:
            self._samples[uid] = now, used
        if now - moment >= _SHORTEST:
            self._rates[uid] = max(0, int((used - before) / (now - moment) * 1000))
        return self._rates.get(uid)
