"""A web server with an embedded cluster, in which apps really run; each test works with an app of its own."""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from releases.clients.cluster import Cluster, connect
from releases.clients.images import DirectoryBuilder
from tests.clusters import Process, eventually, started
from tests.web_server import WebServer

_numbers = itertools.count(1)
# Says each line that somebody writes into the file, from where it is when it begins; `exit N` ends it.
SPEAKER = """
import os, sys, time
with open(sys.argv[1]) as script:
    print("speaking", flush=True)
    while True:
        line = script.readline()
        if not line.endswith("\\n"):
            time.sleep(0.02)
        elif line.startswith("exit "):
            sys.exit(int(line.split()[1]))
        elif line.startswith("crash "):
            path = line.split()[1]
            if not os.path.exists(path):
                open(path, "w").close()
                sys.exit(3)
        else:
            print(line.rstrip("\\n"), flush=True)
"""
APPLY = """
from django.conf import settings
from releases.clients.cluster import connect
from releases.pipeline import manifests
from releases.pipeline.applying import Writer, ensure_namespace
from tests import factories
app = App.objects.filter(name={app!r}).first() or actions.create_app({app!r}, by=policy.SYSTEM)
release = factories.{made}(app, manifest={manifest!r}, env={env!r})
Release.objects.filter(pk=release.pk).update(images=dict.fromkeys(release.manifest["services"], {image!r}))
release = Release.objects.select_related("app__cluster").get(pk=release.pk)
if {made!r} == "active":
    cluster, own = connect(settings.DEPLOYER_KUBECONFIG), settings.DEPLOYER_INSTALLATION
    ensure_namespace(cluster, manifests.namespace(app.namespace, app.name, installation=own))
    writer = Writer(cluster, app.namespace, own, stamp=(1, 1))
    for obj in manifests.render(release, installation=own):
        writer.apply(obj, count={count})
answer = release.pk
"""


class Running:
    """An app that runs, and the API of the server that knows it."""

    def __init__(self, server: WebServer, process: Process, image: str, folder: Path) -> None:
        self.server, self.cluster, self.image, self.folder = server, connect(process.kubeconfig), image, folder
        self.name = f"app-{next(_numbers)}"
        self.namespace = f"deployer-{self.name}"
        self.script = folder / "script"
        self.script.touch()
        self.api = self.client(server.token)

    def client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.server.url}/api/apps/{self.name}", headers=headers, timeout=30)

    def release(self, *services: str, count: int = 1, active: bool = True, env: dict | None = None, **more: Any) -> str:
        """Of services that say what is in the script; `active`: it runs."""
        service = {
            "command": [sys.executable, "-I", "-S", "speaker.py", str(self.script)],
            "termination": {"grace": 1},
            "deployment": {"verify": 0},
            **more,
        }
        return self.server.behind(
            APPLY.format(
                app=self.name,
                made="active" if active else "release",
                manifest=json.dumps({"services": dict.fromkeys(services or ["web"], service)}),
                env=env or {},
                image=self.image,
                count=count,
            )
        )

    def say(self, *lines: str) -> None:
        with self.script.open("a") as script:
            script.writelines(f"{line}\n" for line in lines)

    def processes(self) -> list[dict]:
        return self.api.get("/processes").raise_for_status().json()

    def ready(self, count: int) -> list[dict]:
        """So many processes of services, once they are ready and nothing else is there."""

        def there() -> list[dict]:
            found = self.processes()
            return found if len(found) == count and all(one["state"] == "ready" for one in found) else []

        return eventually(there, 20)

    def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in self.cluster.list_all(kind, self.namespace)[0]}

    def find(self, kind: str, name: str) -> dict | None:
        return self.cluster.find(kind, self.namespace, name)


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def image(process: Process, tmp_path_factory: pytest.TempPathFactory) -> str:
    source = tmp_path_factory.mktemp("source")
    (source / "speaker.py").write_text(SPEAKER)
    builder = DirectoryBuilder(process.folder / "images")
    return builder.build(source, app="hello", path=".", dockerfile_name="Dockerfile", say=lambda line: None)


@pytest.fixture(scope="session")
def server(process: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    given = {"DEPLOYER_KUBECONFIG": str(process.kubeconfig), "API_REQUESTS_PER_MINUTE": "0"}
    made = WebServer(tmp_path_factory.mktemp("home"), **given)
    made.start()
    yield made
    made.close()


@pytest.fixture
def app(server: WebServer, process: Process, image: str, tmp_path: Path) -> Iterator[Running]:
    made = Running(server, process, image, tmp_path)
    yield made
    made.api.close()
    made.cluster.delete("Namespace", None, made.namespace)


@pytest.fixture
def cluster(process: Process) -> Cluster:
    return connect(process.kubeconfig)


@pytest.fixture
def lines() -> Callable[[Any], Iterator[dict]]:
    """The objects of an answer that comes line by line."""

    def read(answer: httpx.Response) -> Iterator[dict]:
        return (json.loads(line) for line in answer.iter_lines() if line)

    return read
