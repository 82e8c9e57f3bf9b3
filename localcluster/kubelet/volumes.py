"""The volumes of a pod, as folders of this machine.

emptyDir, configMap, secret, downwardAPI and projected volumes lie in the pod's folder and go with it; a
persistentVolumeClaim is a folder of its own (`claims`), which outlives pods. hostPath and volumes of other kinds are
refused. What configMaps and secrets give is written as the kubelet writes it: files are links into the folder `..data`,
which is exchanged as a whole, so that a program sees the old files or the new ones.
"""

import base64
import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.errors import NotFound
from localcluster.kubelet.downward import field_of, resource_of

Object = dict[str, Any]
Read = Callable[[str, str], Object]
"""Gives the object of a kind and a name in the pod's namespace. Raises NotFound."""

DEFAULT_MODE = 0o644
WRITTEN = ("configMap", "secret", "downwardAPI", "projected")


class CannotMount(Exception):
    """A volume can't be given; the text is the Event's (recording volume-missing)."""


@dataclass(frozen=True)
class File:
    """One file of a volume; `path` is relative to it."""

    path: str
    data: bytes
    mode: int


def prepare(volume: Object, folder: Path, claims: Path, pod: Object, read: Read) -> Path:
    """Makes a volume in `folder`, or its claim's folder below `claims`, and gives the folder. Raises CannotMount."""
    name = volume["name"]
    if volume.get("persistentVolumeClaim"):
        return _claim(volume, claims, read)
    try:
        if any(volume.get(kind) is not None for kind in WRITTEN):
            write(folder, contents(volume, pod, read))
            return folder
        kind = next((key for key in volume if key != "name"), "emptyDir")
        if kind != "emptyDir":
            raise ValueError(f"{kind} volumes are not supported by this cluster, which runs containers as processes")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except (ValueError, OSError) as error:
        raise CannotMount(f'MountVolume.SetUp failed for volume "{name}" : {error}') from None


def _claim(volume: Object, claims: Path, read: Read) -> Path:
    name = volume["persistentVolumeClaim"].get("claimName", "")
    unmounted = (
        f"unmounted volumes=[{volume['name']}], unattached volumes=[], failed to process volumes=[{volume['name']}]"
    )
    try:
        claim = read("PersistentVolumeClaim", name)
        where = f"{claim['metadata']['namespace']}/{name}"
        if claim["metadata"].get("deletionTimestamp"):
            raise ValueError(f"error processing PVC {where}: PVC is being deleted")
        if (claim.get("status") or {}).get("phase") != "Bound":
            raise ValueError(f"error processing PVC {where}: PVC is not bound")
        folder = claims / claim["metadata"]["namespace"] / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except (ValueError, OSError, NotFound) as error:
        text = f"failed to fetch PVC from API server: {error}" if isinstance(error, NotFound) else str(error)
        raise CannotMount(f"Unable to attach or mount volumes: {unmounted}: {text}") from None


def reads(volume: Object, kind: str, name: str) -> bool:
    """Whether the volume shows the ConfigMap or Secret of that name."""
    sources = (volume.get("projected") or {}).get("sources") or [volume]
    if kind == "Secret":
        named = [
            (source.get("secret") or {}).get("secretName") or (source.get("secret") or {}).get("name")
            for source in sources
        ]
    else:
        named = [(source.get("configMap") or {}).get("name") for source in sources]
    return name in named


# What is in them


def contents(volume: Object, pod: Object, read: Read) -> list[File]:
    """The files of a volume that is written. Raises ValueError with the kubelet's words."""
    projected = volume.get("projected")
    if projected is not None:
        mode = _mode(projected)
        return [file for source in projected.get("sources") or [] for file in _source(source, mode, pod, read)]
    (kind,) = (kind for kind in WRITTEN if volume.get(kind) is not None)
    return _source(volume, _mode(volume[kind]), pod, read)


def _mode(source: Object) -> int:
    found = source.get("defaultMode")
    return DEFAULT_MODE if found is None else int(found)


def _source(source: Object, mode: int, pod: Object, read: Read) -> list[File]:
    if source.get("downwardAPI") is not None:
        return [_downward(item, mode, pod) for item in source["downwardAPI"].get("items") or []]
    for kind, key in (("Secret", "secret"), ("ConfigMap", "configMap")):
        if source.get(key) is not None:
            return _keys(kind, source[key], mode, read)
    kind = next(iter(source), "unknown")
    raise ValueError(f"{kind} sources are not supported by this cluster, which is for development and tests")


def _keys(kind: str, source: Object, mode: int, read: Read) -> list[File]:
    """The keys of a Secret or ConfigMap as files: all, or those that are listed."""
    name, optional = source.get("secretName") or source.get("name") or "", bool(source.get("optional"))
    try:
        values = data_of(kind, read(kind, name))
    except NotFound:
        if optional:
            return []
        raise ValueError(f'{kind.lower()} "{name}" not found') from None
    if source.get("items") is None:
        return [File(key, data, mode) for key, data in sorted(values.items())]
    files = []
    for item in source["items"]:
        if item["key"] in values:
            files.append(File(_inside(item["path"]), values[item["key"]], _item_mode(item, mode)))
        elif not optional:
            word = "secret" if kind == "Secret" else "config"
            raise ValueError(f"references non-existent {word} key: {item['key']}")
    return files


def data_of(kind: str, obj: Object) -> dict[str, bytes]:
    """The values of a Secret or ConfigMap."""
    data = obj.get("data") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value or "") for key, value in data.items()}
    binary = {key: base64.b64decode(value or "") for key, value in (obj.get("binaryData") or {}).items()}
    return {key: str(value).encode() for key, value in data.items()} | binary


def _downward(item: Object, mode: int, pod: Object) -> File:
    path = _inside(item["path"])
    if item.get("fieldRef"):
        text = field_of(pod, item["fieldRef"].get("fieldPath") or "")
    else:
        reference = item.get("resourceFieldRef") or {}
        named = reference.get("containerName")
        container = next((found for found in pod["spec"]["containers"] if found["name"] == named), None)
        if container is None:
            raise ValueError(f"container {named} not found")
        text = resource_of(container, reference)
    return File(path, text.encode(), _item_mode(item, mode))


def _item_mode(item: Object, mode: int) -> int:
    return mode if item.get("mode") is None else int(item["mode"])


def _inside(path: str) -> str:
    """A path that stays in its volume. Raises ValueError."""
    if path.startswith("/") or ".." in path.split("/") or not path or path.startswith(".."):
        raise ValueError(f"invalid path: {path}")
    return path


# On disk


def write(folder: Path, files: list[File]) -> None:
    """Makes the files the folder's, in place of those that an earlier call made; the same ones are left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "..data"
    if data.is_dir() and _read(data) == {file.path: (file.data, file.mode) for file in files}:
        return
    new = folder / f"..{uuid.uuid4().hex}"
    new.mkdir()
    for file in files:
        path = new / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
    old = os.readlink(data) if data.is_symlink() else None
    link = folder / "..data_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(new.name)
    link.replace(data)
    _link(folder, {file.path.split("/")[0] for file in files})
    if old and old == Path(old).name:  # the program may have put a link to elsewhere there
        shutil.rmtree(folder / old, ignore_errors=True)


def _link(folder: Path, names: set[str]) -> None:
    for name in names:
        if not (folder / name).is_symlink():
            with contextlib.suppress(FileExistsError):
                (folder / name).symlink_to(f"..data/{name}")
    for path in folder.iterdir():
        if path.is_symlink() and not path.name.startswith("..") and path.name not in names:
            path.unlink()


def _read(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with contextlib.suppress(OSError):
                found[str(path.relative_to(folder))] = (path.read_bytes(), path.stat().st_mode & 0o7777)
    return found
