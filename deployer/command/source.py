"""From a folder to the archive that is uploaded."""

import gzip
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.ignored import DockerIgnore, GitIgnore, Rules
from deployer.command.output import complain

NEVER = {".git", ".deployer", ".venv", "node_modules", "__pycache__"}
# What the build itself reads goes along, whatever .dockerignore says.
ALWAYS = {"deployer.yml", "Dockerfile", "Procfile", ".dockerignore"}


class Packed(NamedTuple):
    """How many files and links there are, and how many bytes the archive has."""

    files: int
    bytes: int


def pack(folder: Path, *, into: BinaryIO, gitignore: bool = True) -> Packed:
    """Write the folder as a tar.gz and go back to its beginning. The same folder gives the same order and owners.

    `gitignore`: leave out what git ignores. Raises Failure: no such folder, nothing in it, a file that can't be read.
    """
    if not folder.is_dir():
        raise Failure(f"{folder} is not a folder.", status=USAGE)
    try:
        rules: list[Rules] = [DockerIgnore(folder), *([GitIgnore(folder)] if gitignore else [])]
        count = _write(into, folder, rules)
        length = into.tell()
        into.seek(0)
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"Can't pack {where}: {error.strerror or error}.", status=FAILED) from error
    if not count:
        raise Failure(f"{folder} holds nothing to build.", status=FAILED)
    return Packed(count, length)


def _names(folder: Path, rules: list[Rules]) -> Iterator[str]:
    """What goes into the archive, as paths below `folder`: a folder before its contents, in the order of the names."""

    def below(prefix: str) -> Iterator[str]:
        with os.scandir(folder / prefix) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            name, is_folder = f"{prefix}{entry.name}", entry.is_dir(follow_symlinks=False)
            if entry.name in NEVER:
                continue
            against = [] if name in ALWAYS else [rule for rule in rules if rule.leaves_out(name, is_folder=is_folder)]
            if not against:
                yield name
            if is_folder and all(rule.may_return(name) for rule in against):
                yield from below(f"{name}/")

    return below("")


def _write(target: BinaryIO, folder: Path, rules: list[Rules]) -> int:
    """Gives the number of files and links in the archive."""
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        return sum(_add(archive, folder, name) for name in _names(folder, rules))


def _add(archive: tarfile.TarFile, folder: Path, name: str) -> int:
    """Gives 1 for what was packed as a file or link. Sockets, devices and links out of the folder are left out."""
    path = folder / name
    status = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mtime = max(0, int(status.st_mtime))
    if stat.S_ISDIR(status.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
        return 0
    if stat.S_ISLNK(status.st_mode):
        return _add_link(archive, entry, str(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        complain(f"Left out: {name} is no file.")
        return 0
    with path.open("rb") as content:
        entry.size = os.fstat(content.fileno()).st_size
        entry.mode = 0o755 if status.st_mode & 0o111 else 0o644
        archive.addfile(entry, content)
    return 1


def _add_link(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: str) -> int:
    leads_to = os.path.normpath(PurePosixPath(entry.name).parent / target)  # an absolute target stays absolute
    if leads_to.split("/")[0] in ("", ".."):
        complain(f"Left out: {entry.name} is a link that leads out of the folder, to {target}.")
        return 0
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    archive.addfile(entry)
    return 1
