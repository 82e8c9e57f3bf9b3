"""A real store with the real machinery on it, images made of small programs, and waiting for facts."""

import asyncio
import contextlib
import functools
import glob
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcluster.bootstrap import bootstrap
from localcluster.errors import StatusError
from localcluster.machinery import Machinery
from localcluster.store.store import Store
from tests.ports import free_port

Object = dict[str, Any]

POD_FIELDS = (
    "activeDeadlineSeconds", "volumes", "initContainers", "restartPolicy", "terminationGracePeriodSeconds",
)  # fmt: skip

BACK_OFFS = {1: "400ms", 2: "800ms", 3: "1.6s", 4: "3.2s", 5: "6.4s", 6: "12s"}
"""What is told of the back-off after so many restarts. When it is over before it could be told, nothing is."""

SERVER = """
import http.server, os, signal, sys, threading, time
VERSION = os.environ.get("VERSION", "v1")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = int(os.environ.get("HEALTH", "200")) if self.path == "/health" else 200
        if self.path == "/slow":
            time.sleep(0.3)
        body = (VERSION + " " + str(os.getpid())).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening", flush=True)
server.serve_forever()
"""


def story(test: Callable[..., Any]) -> Callable[..., None]:
    """Runs an `async def test(world)` on a cluster of its own, and leaves nothing running."""

    @functools.wraps(test)
    def wrapped(tmp_path: Path) -> None:
        async def tell() -> None:
            world = World(tmp_path)
            await world.start()
            try:
                await test(world)
            finally:
                await world.end()

        asyncio.run(tell())

    del wrapped.__wrapped__  # pytest reads the arguments from the signature
    return wrapped


class World:
    """One cluster's machinery, and what a test does to it."""

    def __init__(self, folder: Path, *, backoff: float = 0.4) -> None:
        self.folder, self.images, self.backoff = folder, folder / "images", backoff
        (folder / "home").mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self.lifeline, self.lifeline_end = os.pipe()
        self.door_port = free_port()
        self.server = self.image("server", {"app.py": SERVER}, [sys.executable, "-u", "app.py"])

    async def start(self, namespace: str = "deployer-shop") -> None:
        self.store = Store(self.folder / "home" / "objects.sqlite")
        bootstrap(self.store)
        if self.store.find("Namespace", None, namespace) is None:
            self.store.create("Namespace", {"metadata": {"name": namespace}})
        self.namespace = namespace
        self.machinery = Machinery(
            self.store,
            home=self.folder / "home",
            images=self.images,
            door_port=self.door_port,
            lifeline=self.lifeline,
            restart_backoff=self.backoff,
        )
        await self.machinery.start()

    async def stop(self) -> None:
        """As localcluster's own end: the processes stay."""
        await self.machinery.stop()
        self.store.close()

    async def end(self) -> None:
        """As the supervisor's end: nothing is left."""
        pids = self.pids()
        os.close(self.lifeline_end)
        try:
            await until(lambda: not any(alive(pid) for pid in pids))
        finally:
            await self.stop()
            os.close(self.lifeline)

    def image(self, name: str, files: dict[str, str], command: list[str] | None, **about: Any) -> str:
        """The reference of a new image."""
        digest = hashlib.sha256(json.dumps([name, files, command, about]).encode()).hexdigest()
        root = self.images / digest / "root"
        root.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        document = {"command": command, "env": {}, "workdir": "", **about}
        (self.images / digest / "image.json").write_text(json.dumps(document))
        return f"local/shop@sha256:{digest}"

    def script(self, text: str) -> str:
        """An image whose command is a shell script."""
        return self.image("script", {}, ["sh", "-c", text])

    def pids(self) -> list[int]:
        """The programs and shims that run now."""
        found = []
        # Pods go meanwhile: unlike pathlib's, this glob passes over a folder that has just gone.
        for path in glob.glob(f"{self.folder}/home/pods/*/containers/*/*.state.json"):
            state: Object = {}
            with contextlib.suppress(FileNotFoundError):
                text = Path(path).read_text()
                state = json.loads(text) if text else {}
            found += [state[key] for key in ("pid", "shim") if key in state and alive(state[key])]
        return found

    def apply(self, kind: str, obj: Object) -> Object:
        obj["metadata"].setdefault("namespace", self.namespace)
        current = self.store.find(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        if current is None:
            return self.store.create(kind, obj)
        return self.store.update(kind, {**current, "spec": obj["spec"]})

    def deployment(self, name: str = "web") -> Object:
        return self.store.get("Deployment", self.namespace, name)

    def pods(self) -> list[Object]:
        return self.store.list("Pod", self.namespace)

    def reasons(self, name: str | None = None) -> list[str]:
        """The reasons of all Events (about one object), in order of their making."""
        events = self.store.list("Event", self.namespace)
        found = sorted(events, key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [event["reason"] for event in found if name in (None, event["involvedObject"]["name"])]

    def run(self, text: str, *, name: str = "main", **spec: Any) -> str:
        """Makes a pod `main` of one container, which runs a shell script; gives its name.

        What `spec` says of a pod goes there, everything else to the container.
        """
        of_pod = {key: spec.pop(key) for key in POD_FIELDS if key in spec}
        container = {"name": "main", "image": self.script(text), **spec}
        body = {"containers": [container], "terminationGracePeriodSeconds": 2, **of_pod}
        self.store.create("Pod", {"metadata": {"name": name, "namespace": self.namespace}, "spec": body})
        return name

    def pod(self, name: str = "main") -> Object:
        return self.store.get("Pod", self.namespace, name)

    def container(self, name: str = "main") -> Object:
        """The status of the (first) container of a pod."""
        status = self.pod(name).get("status") or {}
        return (status.get("containerStatuses") or [{}])[0]

    def state(self, name: str = "main") -> Object:
        return self.container(name).get("state") or {}

    def phase(self, name: str = "main") -> str:
        return str((self.pod(name).get("status") or {}).get("phase"))

    def waiting(self, name: str = "main") -> str:
        return str((self.state(name).get("waiting") or {}).get("reason"))

    def printed(self, name: str = "main", container: str = "main") -> list[str]:
        """The lines that it has printed so far."""
        try:
            text = self.machinery.read_log(self.namespace, name, container).read_text()
        except StatusError:
            return []
        return [line.split(" ", 3)[3] for line in text.splitlines()]

    def messages(self) -> list[str]:
        return [event["message"] for event in self.store.list("Event", self.namespace)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


async def until(fact: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Waits until something is so, and gives it."""
    deadline = time.monotonic() + seconds
    while True:
        found = fact()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def deployment(image: str, *, name: str = "web", replicas: int = 1, probe: bool = True, **spec: Any) -> Object:
    """A Deployment as Deployer applies it."""
    container: Object = {"name": "main", "image": image, "terminationMessagePolicy": "FallbackToLogsOnError"}
    for key in ("env", "envFrom", "command", "args", "livenessProbe", "readinessProbe", "lifecycle"):
        if key in spec:
            container[key] = spec.pop(key)
    if probe:
        container["ports"] = [{"name": "http", "containerPort": 8080}]
        # A process that stands still for seconds is well: no test is about that.
        probed = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 10}
        container.setdefault("readinessProbe", probed)
    pod: Object = {"containers": [container], "terminationGracePeriodSeconds": spec.pop("grace", 5)}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            **spec,
        },
    }


def service(name: str = "web") -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": ports}}


def job(image: str, *, name: str = "migrate", **spec: Any) -> Object:
    containers = [{"name": "main", "image": image}]
    template = {"spec": {"containers": containers, "restartPolicy": "Never", "terminationGracePeriodSeconds": 2}}
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template, **spec}}


def complete(world: World, name: str = "web") -> bool:
    """Whether the last write to a Deployment is rolled out."""
    found = world.deployment(name)
    status, wanted = found.get("status") or {}, found["spec"]["replicas"]
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    return seen and [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")] == [wanted] * 3
