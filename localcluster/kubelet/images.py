"""Image references and image folders.

What is missing is worded as containerd and the kubelet word it (recordings image-pull-error, invalid-image-name).
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

_LOCAL = re.compile(r"local/[a-z0-9][a-z0-9._/-]*@sha256:([0-9a-f]{64})")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?(?:@[a-z0-9]+:[0-9a-fA-F]{{32,}})?"
)


class InvalidName(Exception):
    """The reference is not one; the text is the kubelet's."""


class NotPulled(Exception):
    """There is no such image; the text is containerd's."""


@dataclass(frozen=True)
class Image:
    """An image folder: the tree `root`, and what image.json says about how to start it."""

    root: Path
    digest: str
    command: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = ""


def find(images: Path, reference: str) -> Image:
    """The image of a reference `local/<app>@sha256:<64 hex>`. Raises InvalidName or NotPulled."""
    if not _REFERENCE.fullmatch(reference):
        raise InvalidName(_why_invalid(reference))
    match = _LOCAL.fullmatch(reference)
    folder = images / match[1] if match else None
    try:
        if folder is None or not (folder / "root").is_dir():
            raise FileNotFoundError
        return _read(folder, match[1] if match else "")
    except (OSError, ValueError):
        raise NotPulled(
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
            f"failed to resolve image: {reference}: not found"
        ) from None


def size(image: Image) -> int:
    """Bytes of all files of an image."""
    return sum(path.lstat().st_size for path in image.root.rglob("*") if not path.is_dir())


def _read(folder: Path, digest: str) -> Image:
    about = json.loads((folder / "image.json").read_text())
    workdir = Path(about.get("workdir") or "")
    if workdir.is_absolute() or ".." in workdir.parts:
        raise ValueError(f"working directory outside of the image: {workdir}")
    return Image(
        root=folder / "root",
        digest=digest,
        command=[str(word) for word in about.get("command") or []],
        env={str(name): str(value) for name, value in (about.get("env") or {}).items()},
        workdir=str(workdir),
    )


def _why_invalid(reference: str) -> str:
    """The kubelet's message; the reason in it is that of the reference grammar (distribution/reference)."""
    name = reference.partition("@")[0]
    repository = name.partition("/")[2] or name
    repository = repository.rpartition(":")[0] or repository
    reason = "invalid reference format"
    if repository != repository.lower():
        reason += f": repository name ({repository}) must be lowercase"
    return f'Failed to apply default image tag "{reference}": couldn\'t parse image name "{reference}": {reason}'
