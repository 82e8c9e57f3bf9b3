"""Which builder makes a build's images, and why: a rule over facts, in words that the build page shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from releases.errors import BuildFailed

Name = Literal["directory", "docker", "buildkit"]


@dataclass(frozen=True)
class Facts:
    """`registry`: its address, "" without one. `engine`: what is wrong with the Docker Engine, "" if nothing is.
    `buildx`: its version, "" if it is not installed. `asked`: the setting DEPLOYER_BUILDER."""

    embedded: bool
    registry: str = ""
    engine: str = ""
    buildx: str = ""
    asked: str = "auto"


@dataclass(frozen=True)
class Choice:
    """`why` is one sentence without its end."""

    name: Name
    why: str


def choose(facts: Facts) -> Choice:
    """Raises BuildFailed, saying all that is missing."""
    if facts.embedded:
        return Choice("directory", "the app's cluster is the embedded one, which runs from folders of this machine")
    missing = list(_missing(facts))
    if missing:
        words = f"Nothing here can make images for the app's cluster: {'; '.join(missing)}."
        raise BuildFailed(words, reasons=missing, faultless=True)
    where = f"pushes to {facts.registry}"
    if facts.asked == "docker":
        return Choice("docker", f"DEPLOYER_BUILDER asks for the Docker Engine's own builder; it {where}")
    if facts.buildx:
        return Choice("buildkit", f"docker buildx is installed; it {where}")
    return Choice("docker", f"there is a Docker Engine, and docker buildx is not installed; it {where}")


def _missing(facts: Facts) -> Iterator[str]:
    if not facts.registry:
        yield "no registry is configured, from which the cluster could pull"
    if facts.engine:
        yield facts.engine.rstrip(".")
    if facts.asked == "buildkit" and not facts.buildx:
        yield "DEPLOYER_BUILDER asks for BuildKit, and docker buildx is not installed"
