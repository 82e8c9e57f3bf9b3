"""Manifests of apps to deploy: nothing is built, all of them run the one image."""

import json
from pathlib import Path
from typing import Any

from tests.cluster import patience
from tests.cluster.image import Image

Section = dict[str, Any]
HEALTH = {"path": "/health", "interval": 1, "timeout": 2, "grace": 0}
MEMORY = 32


def program(name: str) -> list[str]:
    """The command of one of `programs/`: by a path that is right from `/` and from a folder of the image's files."""
    return ["/bin/busybox", "sh", f"programs/{name}"]


class Sources:
    """Writes source folders, one after the other."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder = image, folder
        self.made = 0

    def service(self, name: str, version: str, *, count: int = 1, **section: Any) -> Section:
        """A service that runs this program, without a port. `environment` adds variables to VERSION."""
        environment = {"VERSION": version} | section.pop("environment", {})
        return {
            "image": self.image.reference,
            "command": program(name),
            "environment": [f"{key}={value}" for key, value in environment.items()],
            "scale": {"count": count, "cpu": 20, "memory": MEMORY},
            "termination": {"grace": 2},
        } | section

    def web(self, version: str, *, count: int = 2, **section: Any) -> Section:
        """A service that listens, with a health check."""
        return self.service("serve", version, count=count, port=8080, health=HEALTH, **section)

    def worker(self, version: str, *, verify: int = 2, **section: Any) -> Section:
        """A service without a port: it counts as good once it has run for so many seconds."""
        return self.service("work", version, deployment={"verify": verify}, **section)

    def crashing(self, version: str, *, after: float = 0) -> Section:
        """`web`, whose processes end with 3 after so many seconds."""
        crash = {"command": program("crash"), "environment": [f"VERSION={version}", f"AFTER={after}"]}
        return self.web(version) | crash

    def sick(self, version: str) -> Section:
        """`web`, whose processes are never ready."""
        return self.web(version, environment={"HEALTHY": "no"})

    def source(self, *, deadline: int = patience.DEADLINE, release: Section | None = None, **services: Section) -> Path:
        """A folder with nothing but a manifest of these services."""
        self.made += 1
        folder = self.folder / f"source-{self.made}"
        folder.mkdir()
        manifest: Section = {"services": services, "deployment": {"strategy": "rolling", "deadline": deadline}}
        if release:
            manifest["release"] = release
        (folder / "deployer.yml").write_text(json.dumps(manifest, indent=1))
        return folder
