"""Where a pod lives on disk: `pods/<uid>/` has a home folder, its volumes, and per container a copy of its image and
its runs."""

import contextlib
import json
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.kubelet.process import Run


@dataclass(frozen=True)
class ContainerFolder:
    """One container's files."""

    path: Path

    @property
    def work(self) -> Path:
        return self.path / "work"

    def run(self, number: int) -> Run:
        return Run(self.path, number)

    @property
    def crashes(self) -> Path:
        return self.path / "crashes.json"

    @property
    def pulls(self) -> Path:
        return self.path / "pulls.json"

    def numbers(self) -> list[int]:
        """The runs that there are files of."""
        found = {path.name.partition(".")[0] for path in self.path.iterdir()} if self.path.is_dir() else set()
        return sorted(int(name) for name in found if name.isdecimal())

    def copy_image(self, root: Path) -> None:
        """Makes the working copy, unless there is one. Half a copy is never taken for a whole one."""
        if self.work.is_dir():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        half = self.path / "work.half"
        remove(half)
        shutil.copytree(root, half, symlinks=True)
        half.rename(self.work)

    def forget_before(self, number: int) -> None:
        """Removes the files of older runs than the previous one."""
        for old in self.numbers():
            if old < number - 1:
                for path in self.path.glob(f"{old}.*"):
                    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class PodFolder:
    """One pod's files."""

    path: Path

    @property
    def home(self) -> Path:
        return self.path / "home"

    def volume(self, name: str) -> Path:
        return self.path / "volumes" / name

    def container(self, name: str) -> ContainerFolder:
        return ContainerFolder(self.path / "containers" / name)

    def containers(self) -> list[ContainerFolder]:
        folder = self.path / "containers"
        return [ContainerFolder(path) for path in folder.iterdir()] if folder.is_dir() else []

    def make(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    def read_ports(self) -> dict[str, int]:
        """The containers' ports, by name."""
        try:
            found: dict[str, Any] = json.loads((self.path / "ports.json").read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): int(port) for name, port in found.items()}

    def write_ports(self, ports: dict[str, int]) -> None:
        new = self.path / "ports.json.new"
        new.write_text(json.dumps(ports))
        new.replace(self.path / "ports.json")


def remove(path: Path) -> None:
    """Removes a folder whatever a program has done to the modes in it, or what else is there. Links are not followed.

    What cannot be removed stays: the next start tries again.
    """
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        _unlock(path)
        shutil.rmtree(path, ignore_errors=True)


def _unlock(path: Path) -> None:
    """Lets all folders below be read and changed; what a link leads to is not ours."""
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IRWXU)
    for folder, names, _ in os.walk(path):  # each folder's own are unlocked before it goes into them
        for inner in (Path(folder, name) for name in names):
            if not inner.is_symlink():
                with contextlib.suppress(OSError):
                    inner.chmod(stat.S_IRWXU)
