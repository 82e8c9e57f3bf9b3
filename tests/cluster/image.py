"""The one image of the cluster tests: Debian's static busybox, and a few small programs for it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import docker

from releases.clients.images import DirectoryBuilder

PROGRAMS = Path(__file__).parent / "programs"
NAME = "deployer-cluster-tests"
NOWHERE = "sha256:" + "0" * 64
DOCKERFILE = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY programs /programs\n"


@dataclass(frozen=True)
class Image:
    """`reference`: by digest, as a manifest's `image:` has it. `missing`: one like it that isn't there."""

    reference: str
    missing: str


def pushed(docker_host: str, registry: str, busybox: Path, folder: Path) -> Image:
    """Built by that engine from scratch, and pushed to that registry."""
    shutil.copytree(PROGRAMS, folder / "programs")
    shutil.copy(busybox, folder / "busybox")
    (folder / "busybox").chmod(0o755)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    repository = f"{registry}/{NAME}"
    client = docker.DockerClient(base_url=docker_host, timeout=120)
    try:
        for line in client.api.build(path=str(folder), tag=repository, decode=True, rm=True, forcerm=True):
            assert "error" not in line, line
        said = list(client.api.push(repository, stream=True, decode=True))
        digests = [line["aux"]["Digest"] for line in said if "aux" in line]
        assert digests, f"nothing was pushed to {registry}: {said}"
        client.images.remove(repository)
    finally:
        client.close()
    return Image(f"{repository}@{digests[-1]}", f"{repository}@{NOWHERE}")


def laid(images: Path, folder: Path) -> Image:
    """For a cluster that takes its images from a folder. It runs the machine's own busybox."""
    shutil.copytree(PROGRAMS, folder / "programs")
    builder = DirectoryBuilder(images)
    reference = builder.build(folder, app=NAME, path=".", dockerfile_name="Dockerfile", say=lambda _: None)
    return Image(reference, f"local/{NAME}@{NOWHERE}")
