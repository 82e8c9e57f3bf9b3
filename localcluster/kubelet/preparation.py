"""What a container is started with: its variables, its mounts, its words, its folder."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from localcluster.kubelet import commands, environment, images, mounts
from localcluster.kubelet.mounts import Mounts
from localcluster.kubelet.process import CannotStart, Process, Run

Object = dict[str, Any]


class Pod(Protocol):
    """What is asked of the pod."""

    @property
    def volumes(self) -> dict[str, Path]: ...
    @property
    def object(self) -> Object: ...
    def read(self, kind: str, name: str) -> Object: ...


@dataclass(frozen=True)
class Surroundings:
    """Where a container's program runs. Commands beside it run there too."""

    work: Path
    mounts: Mounts = field(default_factory=Mounts)
    variables: dict[str, str] = field(default_factory=dict)
    """The whole environment."""
    own: dict[str, str] = field(default_factory=dict)
    """The variables that the container states."""
    message: Path = Path("/dev/null")
    folder: Path = Path("/")
    """The working directory."""

    async def run(self, argv: list[str]) -> tuple[int, str]:
        """Runs a command beside the program: its exit code and output. Raises CannotRun."""
        return await commands.run(self.words(argv), self.variables, self.folder)

    def words(self, argv: list[str]) -> list[str]:
        """A command of the container, with the paths of its mounts as they are on this machine."""
        return [self.mounts.translate(word) for word in argv]


def surroundings(spec: Object, pod: Pod, run: Run, work: Path, home: Path, port: int | None) -> Surroundings:
    """Collects them. Raises ConfigError and CannotMount. The image's own variables come with `with_image`."""
    given = {} if port is None else {"PORT": str(port)}
    own = environment.variables(spec, pod.object, pod.read, given)
    found = mounts.of(spec, pod.volumes, run.message, own)
    translated = {name: found.translate(value) for name, value in own.items()}
    base = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
    message = mounts.message_file(found, spec)
    return Surroundings(work, found, {**base, **found.variables, **translated}, own, message)


def with_image(found: Surroundings, spec: Object, image: images.Image) -> Surroundings:
    """The same, with what the image says where the container says nothing."""
    base = {name: found.variables[name] for name in ("PATH", "HOME")}
    variables = {**base, **image.env, **found.mounts.variables, **_stated(found)}
    return replace(found, variables=variables, folder=_folder(spec, found.work, image.workdir))


def adopted(found: Surroundings, running: Process, spec: Object, folder: Path) -> Surroundings:
    """Those of a program that an earlier localcluster started: it has the environment that it was given then."""
    try:
        default = images.find(folder, spec["image"]).workdir
    except (images.InvalidName, images.NotPulled):
        default = ""
    variables = running.environment() or found.variables
    return replace(found, variables=variables, folder=_folder(spec, found.work, default))


def _stated(found: Surroundings) -> dict[str, str]:
    return {name: found.variables[name] for name in found.own}


def command(spec: Object, image: images.Image, found: Surroundings) -> list[str]:
    """The words to run. Raises CannotStart."""
    try:
        argv = environment.command(spec, image, found.own)
    except environment.ConfigError as error:
        raise CannotStart(str(error)) from None
    if not argv:
        raise CannotStart("no command specified")
    return found.words(argv)


def _folder(spec: Object, work: Path, default: str) -> Path:
    """The working directory, which lies in the image's tree."""
    path = work / (spec.get("workingDir") or default).lstrip("/")
    return path if path.resolve().is_relative_to(work.resolve()) else work
