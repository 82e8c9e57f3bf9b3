"""A real embedded cluster in its own process, for tests that are not about the cluster itself."""

import time
from collections.abc import Callable
from typing import Any

from tests.localcluster.running import Cluster as Process
from tests.ports import free_port

__all__ = ["Process", "deployment", "eventually", "free_port", "started"]
FACT_SECONDS = 30.0


def started(folder: Any) -> Process:
    """A running one, with its files in `folder`; whoever asked stops it."""
    process = Process(folder, free_port(), free_port())
    process.start()
    return process


def eventually(fact: Callable[[], Any], seconds: float = FACT_SECONDS) -> Any:
    """Asks until the answer is true, and gives it."""
    deadline = time.monotonic() + seconds
    while not (answer := fact()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return answer


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    """As somebody applies it, of an image that does not exist."""
    container = {"name": "main", "image": "local/web@sha256:" + "0" * 64}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    body = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}
