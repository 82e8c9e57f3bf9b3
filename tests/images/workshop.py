"""What the tests of builds have in common: sources, builders, and a look at what came of them."""

import itertools
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import httpx

from releases.clients.images import buildkit, classic
from releases.clients.images.docker_builder import DockerBuilder
from releases.clients.images.engine import EngineAddress
from releases.clients.images.plan import Destination, Limits, Login, labels

# Every image begins like this: a shell and its tools, without a base image that would have to be pulled.
TOOLS = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
SECTION = {"path": ".", "dockerfile": "Dockerfile", "target": None, "args": {}}
_numbers = itertools.count(1)


def service(**section: Any) -> dict:
    """As a parsed manifest has one that is built."""
    return {"image": None, "build": {**SECTION, **section}}


def image(name: str) -> dict:
    return {"image": name, "build": None}


def nothing() -> None:
    pass


@dataclass
class Workshop:
    host: str
    registry: str
    folder: Path
    client: list[str] | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def engine(self) -> EngineAddress:
        return EngineAddress(self.host)

    @property
    def api(self) -> docker.APIClient:
        return docker.APIClient(self.host, version="auto")

    def source(self, dockerfile: str | None, **files: str | bytes) -> Path:
        """`__` in a name is a slash, `_dot_` a dot."""
        folder = self.folder / f"source-{next(_numbers)}"
        folder.mkdir()
        shutil.copy("/bin/busybox", folder / "busybox")
        if dockerfile is not None:
            (folder / "Dockerfile").write_text(dockerfile)
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    def build(
        self,
        source: Path,
        services: Mapping[str, dict] | None = None,
        *,
        app: str = "hello",
        build: str = "BAAAAAAAAAA",
        registry: str | None = None,
        logins: Mapping[str, Login] | None = None,
        previous: Mapping[str, str] | None = None,
        say: Callable[[str], None] | None = None,
        check: Callable[[], None] = nothing,
        **limits: Any,
    ) -> dict[str, str]:
        """What it says is in `lines`."""
        self.lines = []
        destination = Destination(registry or self.registry, app, build, logins or {})
        make = buildkit.maker(self.client) if self.client else classic.make
        builder = DockerBuilder(self.engine, destination, Limits(**{"network": "host", **limits}), make=make)
        private = self.folder / f"private-{next(_numbers)}"
        private.mkdir()
        return builder.build(
            source,
            services or {"web": service()},
            private=private,
            labels=labels(
                app=app,
                build=build,
                revision="0a1b2c3",
                source="https://git.example/hello",
                created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            ),
            previous=previous or {},
            say=say or self.lines.append,
            check=check,
        )

    def manifest(self, app: str, reference: str) -> tuple[str, dict]:
        """The digest and the configuration that the registry has of a tag or digest."""
        url = f"http://{self.registry}/v2/{app}"
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        found = httpx.get(f"{url}/manifests/{reference}", headers=accept, trust_env=False)
        found.raise_for_status()
        config = httpx.get(f"{url}/blobs/{found.json()['config']['digest']}", trust_env=False, follow_redirects=True)
        return found.headers["Docker-Content-Digest"], config.json()

    def tags(self, app: str) -> list[str]:
        return httpx.get(f"http://{self.registry}/v2/{app}/tags/list", trust_env=False).json()["tags"]

    def run(self, reference: str) -> str:
        """What the image's command prints."""
        api = self.api
        if not api.images(name=reference):
            api.pull(reference)
        container = api.create_container(reference, host_config=api.create_host_config(network_mode="none"))
        api.start(container)
        api.wait(container)
        try:
            return api.logs(container).decode()
        finally:
            api.remove_container(container, force=True)

    def leftovers(self) -> set[str]:
        """Containers, and images without a tag that no other builds on."""
        containers = {found["Id"] for found in self.api.containers(all=True)}
        return containers | {found["Id"] for found in self.api.images(filters={"dangling": True})}


def processes_with(text: str) -> list[int]:
    """The processes of this machine whose command line has `text`: a container's are seen from outside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(int(entry.name))
    return found


def wait_for(fact: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)
    return found
