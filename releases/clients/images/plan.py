"""What is to be built, and where it goes: plain data, and the names and labels that follow from it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

BUILD_LABEL = "deployer.build"
# A line of the log, without its end.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """One distinct `build` of a manifest, and the services that share its image. Paths are those of the manifest."""

    services: tuple[str, ...]
    path: str = "."
    dockerfile: str = "Dockerfile"
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.services[0]


@dataclass(frozen=True)
class Login:
    """Of a registry."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Destination:
    """`address`: `host[:port][/path]` of a registry; `logins` by address, for all registries that a build may use."""

    address: str
    app: str
    build: str
    logins: Mapping[str, Login] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        return f"{self.address.rstrip('/')}/{self.app}"

    def tag(self, service: str) -> str:
        return f"{service}.{self.build}"

    def by_tag(self, service: str) -> str:
        return f"{self.repository}:{self.tag(service)}"

    def by_digest(self, digest: str) -> str:
        return f"{self.repository}@{digest}"


@dataclass(frozen=True)
class Limits:
    """`parallel`: builds side by side; `context_bytes`: what is sent to the engine; `memory_bytes`: of one step, 0 for
    no limit (BuildKit has none). `network` and `platform`: blank for the engine's own choice."""

    parallel: int = 2
    context_bytes: int = 1024**3
    memory_bytes: int = 0
    network: str = ""
    platform: str = ""


def recipes(services: Mapping[str, dict]) -> list[Recipe]:
    """One per distinct `build` section of a parsed manifest's services, in their order; `image:` services have none."""
    by_section: dict[str, list[str]] = {}
    sections: dict[str, dict] = {}
    for name, service in services.items():
        if not service["image"]:
            key = repr(service["build"])
            sections[key] = service["build"]
            by_section.setdefault(key, []).append(name)
    return [
        Recipe(tuple(names), section["path"], section["dockerfile"], section["target"], section["args"])
        for section, names in ((sections[key], names) for key, names in by_section.items())
    ]


def labels(*, app: str, build: str, revision: str, source: str, created: datetime) -> dict[str, str]:
    """The annotations of the OCI image specification that are known, and two of ours."""
    found = {
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.source": source,
        "org.opencontainers.image.created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "org.opencontainers.image.version": build,
        "deployer.app": app,
        BUILD_LABEL: build,
    }
    return {name: value for name, value in found.items() if value}


def label_dockerfile(image: str, labels: Mapping[str, str]) -> str:
    """A Dockerfile that puts all `labels` on `image` in a single step."""

    def quoted(text: str) -> str:
        return '"' + re.sub(r'(["\\\\$])', r"\\\1", " ".join(text.split())) + '"'

    pairs = " ".join(f"{quoted(name)}={quoted(value)}" for name, value in labels.items())
    return f"FROM {image}\nLABEL {pairs}\n"


def login_for(reference: str, logins: Mapping[str, Login]) -> Login | None:
    """The login of the registry that `reference` names: of the longest address that it begins with, else its host's."""
    fitting = [address for address in logins if reference == address or reference.startswith(address.rstrip("/") + "/")]
    if fitting:
        return logins[max(fitting, key=len)]
    host = registry_of(reference)
    return next((login for address, login in logins.items() if address.partition("/")[0] == host), None)


def registry_of(reference: str) -> str:
    """The host of a reference; Docker's own registry where it names none (the rule of Docker's reference grammar)."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"
