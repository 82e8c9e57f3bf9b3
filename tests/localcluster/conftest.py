"""A real localcluster in its own process, and clients of it."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import uuid
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

_START = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """A running localcluster; `stop` and `start` keep its state and its ports."""

    folder: Path
    port: int
    door_port: int
    process: subprocess.Popen[str] | None = None

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        paths = [f"--{name}={self.folder / name}" for name in ("home", "images", "kubeconfig")]
        ports = [f"--port={self.port}", f"--door-port={self.door_port}"]
        return [sys.executable, "-m", "localcluster", *paths, *ports, "--restart-backoff=0.2"]

    def start(self) -> None:
        self.kubeconfig.unlink(missing_ok=True)
        (self.folder / "images").mkdir(exist_ok=True)
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert "development and tests" in line, line

    def stop(self, *, kill: bool = False) -> int:
        assert self.process
        (self.process.kill if kill else self.process.terminate)()
        status = self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self.kubeconfig.read_text())
        return config

    def trust(self) -> ssl.SSLContext:
        authority = self.config()["clusters"][0]["cluster"]["certificate-authority-data"]
        return ssl.create_default_context(cadata=b64decode(authority).decode())

    def token(self) -> str:
        return str(self.config()["users"][0]["user"]["token"])

    def client(self, **headers: str) -> httpx.Client:
        given = {"authorization": f"Bearer {self.token()}", **headers}
        return httpx.Client(base_url=self.url, verify=self.trust(), headers=given, timeout=10)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests; each works in its own namespace."""
    running = Cluster(tmp_path_factory.mktemp("cluster"), free_port(), free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One for a test that stops it."""
    running = Cluster(tmp_path, free_port(), free_port())
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[httpx.Client]:
    with cluster.client() as client:
        yield client


@pytest.fixture
def namespace(api: httpx.Client) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:10]}"
    assert api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubectl(cluster: Cluster) -> Any:
    """Runs kubectl; gives its output, and fails the test when it fails."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")

    def run(*arguments: str, status: int = 0) -> str:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.folder)}
        done = subprocess.run(["kubectl", *arguments], env=environment, capture_output=True, text=True, timeout=40)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def eventually(fact: Any, seconds: float = _START) -> Any:
    """Asks until the answer is true, and gives it."""
    deadline = time.monotonic() + seconds
    while not (answer := fact()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return answer


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    """A Deployment as a deployer applies it, of an image that does not exist."""
    container = {"name": "main", "image": "local/web@sha256:" + "0" * 64}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    body = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


def config_map(name: str = "settings", labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name}
    if labels:
        meta["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
