"""How a container's program finds its volumes.

Programs run as plain processes of this machine: there is no file system of their own into which `/data` could be
mounted. A container that mounts a volume `data` at `/data` finds it in three ways, of which one fits most programs:

- as `data` below the top of its image's tree, so as `./data` for a program that runs there (a link in the working
  copy, in place of what the image has there);
- as the value of the variable VOLUME_DATA (the volume's name in capitals, `-` as `_`);
- wherever its command, its arguments, its probes and hooks, or the values of its variables say `/data` or
  `/data/…` as a path of its own: these are given the folder's real path. So `env: DATA_DIR=/data` works here as in a
  cluster.

What a program writes under the name `/data` without asking any of these goes elsewhere, and `readOnly` is not enforced.
The file of terminationMessagePath is given in the same way, apart from the variable. A mount that can't be given so (at
`/`, inside of another mount, through a link that leads out of the image) is refused with an Event.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcluster.kubelet import folders
from localcluster.kubelet.environment import expand
from localcluster.kubelet.volumes import CannotMount

Object = dict[str, Any]

DEFAULT_MESSAGE_PATH = "/dev/termination-log"


@dataclass(frozen=True)
class Mounts:
    """The places of a container: what path, in its own words, stands for which path of this machine."""

    places: dict[str, Path] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def translate(self, text: str) -> str:
        """The text with the paths of mounts replaced, where they stand by themselves."""
        for path in sorted(self.places, key=len, reverse=True):
            if path in text:
                target = str(self.places[path]).replace("\\", r"\\")
                text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])", target, text)
        return text


def of(spec: Object, volumes: dict[str, Path], message: Path, variables: dict[str, str]) -> Mounts:
    """The places of a container. `message` is where its last words are read. Raises CannotMount."""
    places: dict[str, Path] = {}
    given: dict[str, str] = {}
    for mount in spec.get("volumeMounts") or []:
        name, path = mount["name"], _absolute(mount["mountPath"], mount["name"])
        target = volumes[name]
        below = expand(mount["subPathExpr"], variables) if mount.get("subPathExpr") else mount.get("subPath") or ""
        if below:
            target = _below(target, below, name)
        else:
            given.setdefault(f"VOLUME_{re.sub('[^A-Z0-9]', '_', name.upper())}", str(target))
        places[path] = target
    for inner in places:
        outer = next((path for path in places if inner.startswith(f"{path}/")), None)
        if outer:
            raise CannotMount(f"mount {inner} lies inside of mount {outer}, which this cluster cannot give")
    own = _absolute(spec.get("terminationMessagePath") or DEFAULT_MESSAGE_PATH, "termination message")
    inside = next((path for path in places if own == path or own.startswith(f"{path}/")), None)
    if not inside:
        places[own] = message
    return Mounts(places, given)


def message_file(mounts: Mounts, spec: Object) -> Path:
    """Where the container's last words are."""
    path = _absolute(spec.get("terminationMessagePath") or DEFAULT_MESSAGE_PATH, "")
    return Path(mounts.translate(path))


def place(mounts: Mounts, work: Path) -> None:
    """Makes the links in the working copy. Raises CannotMount."""
    for path, target in mounts.places.items():
        try:
            _link(work, path.lstrip("/"), target)
        except OSError as error:
            raise CannotMount(f"cannot mount {path}: {(error.strerror or str(error)).lower()}") from None


def _absolute(path: str, name: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise CannotMount(f'volume "{name}" cannot be mounted at "{path}": this cluster runs containers as processes')
    return "/" + "/".join(parts)


def _below(folder: Path, path: str, name: str) -> Path:
    target = folder / path
    if path.startswith("/") or ".." in path.split("/") or not target.resolve().is_relative_to(folder.resolve()):
        raise CannotMount(f'failed to prepare subPath for volumeMount "{name}"')
    if not target.exists():
        target.mkdir(parents=True)
    return target


def _link(work: Path, path: str, target: Path) -> None:
    place = work / path
    above = place.parent
    if not above.resolve().is_relative_to(work.resolve()):
        raise OSError("a link leads out of the image")
    above.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        if place.readlink() == target:
            return
        place.unlink()
    elif place.is_dir():
        folders.remove(place)
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(target)
