"""The context of a build: what of a folder is sent to whoever builds, and how it is sent."""

import os
import re
import stat
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.utils.build import exclude_paths

from releases.clients.images.plan import Recipe
from releases.clients.images.source import context_folder, inside, text
from releases.errors import BuildFailed

# History and what a person's machine keeps for us are no part of any image, whatever .dockerignore says.
NEVER = {".git", ".deployer"}
PIECE = 256 * 1024
LARGEST_SHOWN = 3
MIB = 1024**2


@dataclass(frozen=True)
class Context:
    """`paths`: relative to `folder`, each after the folder that it is in. `size`: bytes of the files among them."""

    folder: Path
    paths: list[str]
    size: int

    @property
    def words(self) -> str:
        return f"{len(self.paths):,} files and folders, {in_mib(self.size)}"


def gather(source: Path, recipe: Recipe, *, max_bytes: int) -> Context:
    """The context of `recipe`, as its .dockerignore leaves it. Raises BuildFailed: no Dockerfile, too large.

    `<Dockerfile>.dockerignore` goes before `.dockerignore`, as with BuildKit.
    """
    folder = context_folder(source, recipe.path)
    if not inside(folder, recipe.dockerfile).is_file():
        where = recipe.dockerfile if recipe.path == "." else f"{recipe.path}/{recipe.dockerfile}"
        words = f"{recipe.name}: the source has no {where}."
        hint = "Hint: an image is made from a Dockerfile; `build: {path, dockerfile}` of deployer.yml says where it is."
        raise BuildFailed(words, reasons=[words, hint])
    try:
        kept = exclude_paths(str(folder), _patterns(folder, recipe.dockerfile), recipe.dockerfile)
    except (re.error, OSError, ValueError) as error:
        raise BuildFailed(f"{recipe.name}: its .dockerignore can't be followed: {error}.") from error
    paths = sorted(path for path in kept if NEVER.isdisjoint(Path(path).parts))
    sizes = {path: found.st_size for path in paths if stat.S_ISREG((found := (folder / path).lstat()).st_mode)}
    context = Context(folder, paths, sum(sizes.values()))
    if context.size > max_bytes:
        raise _too_large(recipe.name, context.size, max_bytes, sizes)
    return context


def stream(context: Context, go_on: Callable[[], None]) -> Iterator[bytes]:
    """The context as a tar archive, in pieces; `go_on` is called before each and may raise.

    Owner and times don't go with it, so that an upload and a checkout of the same files find the same cache.
    """
    for path in context.paths:
        go_on()
        try:
            yield from _member(context.folder / path, path, go_on)
        except OSError as error:
            raise BuildFailed(f"{path} can't be read: {error.strerror}.") from error
    yield bytes(2 * tarfile.BLOCKSIZE)


def in_mib(size: float) -> str:
    return f"{size / MIB:,.1f} MiB"


def _patterns(folder: Path, dockerfile: str) -> list[str]:
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        file = inside(folder, name)
        if file.is_file():
            lines = (line.strip() for line in text(file).lstrip("\ufeff").splitlines())
            return [line for line in lines if line and not line.startswith("#")]
    return []


def _member(file: Path, name: str, go_on: Callable[[], None]) -> Iterator[bytes]:
    """A header, and the content padded to whole blocks. Sockets, pipes and devices are passed over."""
    found = file.lstat()
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(file)
    elif stat.S_ISREG(found.st_mode):
        info.size = found.st_size
    else:
        return
    yield info.tobuf(tarfile.PAX_FORMAT)
    if info.size:
        yield from _content(file, info.size, go_on)
        yield bytes(-info.size % tarfile.BLOCKSIZE)


def _content(file: Path, size: int, go_on: Callable[[], None]) -> Iterator[bytes]:
    left = size
    with file.open("rb") as content:
        while left:
            go_on()
            piece = content.read(min(PIECE, left))
            if not piece:
                raise BuildFailed(f"{file.name} was cut while it was sent.")
            left -= len(piece)
            yield piece


def _too_large(name: str, size: int, limit: int, sizes: dict[str, int]) -> BuildFailed:
    by_top: Counter[str] = Counter()
    for path, bytes_ in sizes.items():
        by_top[Path(path).parts[0]] += bytes_
    largest = ", ".join(f"{top} {in_mib(bytes_)}" for top, bytes_ in by_top.most_common(LARGEST_SHOWN))
    words = f"{name}: the context is larger than allowed: {in_mib(size)}, the limit is {in_mib(limit)}."
    return BuildFailed(
        words,
        reasons=[words, f"The largest in it: {largest}.", "Hint: a .dockerignore leaves out what no image needs."],
    )
