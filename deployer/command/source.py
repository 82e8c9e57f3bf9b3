"""From a folder to the archive that is uploaded, and what git knows of it."""

import gzip
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.output import complain

NEVER = {".git", ".deployer", ".venv", "node_modules", "__pycache__"}
# What the build itself reads goes along, whatever .dockerignore says.
ALWAYS = {"deployer.yml", "Dockerfile", "Procfile", ".dockerignore"}


@dataclass(frozen=True)
class Commit:
    """`dirty`: the folder has changes that are in no commit."""

    id: str = ""
    subject: str = ""
    dirty: bool = False


def pack(folder: Path, *, into: BinaryIO) -> None:
    """Write the folder as a tar.gz and go back to its beginning. The same folder gives the same order and owners.

    Raises Failure: no such folder, nothing in it, a file that can't be read.
    """
    if not folder.is_dir():
        raise Failure(f"{folder} is not a folder.", status=USAGE)
    try:
        count = _write(into, folder)
        into.seek(0)
    except OSError as error:
        where = error.filename or folder
        raise Failure(f"Can't pack {where}: {error.strerror or error}.", status=FAILED) from error
    if not count:
        raise Failure(f"{folder} holds nothing to build.", status=FAILED)


def commit_of(folder: Path) -> Commit:
    """What git says; nothing where there is no repository, no commit or no git."""
    text = _git(folder, "log", "-1", "--format=%H%n%s")
    if not text:
        return Commit()
    identity, _, subject = text.partition("\n")
    changes = _git(folder, "status", "--porcelain", "--", ".")
    return Commit(identity, subject.strip(), dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str:
    # A repository's own configuration could name a program to run beside these.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        found = subprocess.run(command, env=environment, capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode(errors="replace").strip() if found.returncode == 0 else ""


def _names(folder: Path) -> Iterator[str]:
    """What goes into the archive, as paths below `folder`: a folder before its contents, in the order of the names."""
    ignored, may_return = _ignored(folder)

    def below(prefix: str) -> Iterator[str]:
        with os.scandir(folder / prefix) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            name = f"{prefix}{entry.name}"
            if entry.name in NEVER:
                continue
            out = name not in ALWAYS and ignored(name)
            if not out:
                yield name
            if entry.is_dir(follow_symlinks=False) and (not out or may_return(name)):
                yield from below(f"{name}/")

    return below("")


def _write(target: BinaryIO, folder: Path) -> int:
    """Gives the number of files and links in the archive."""
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        return sum(_add(archive, folder, name) for name in _names(folder))


def _ignored(folder: Path) -> tuple[Callable[[str], bool], Callable[[str], bool]]:
    """Two questions about a path, after .dockerignore: is it left out; may something below it come back by `!`?"""
    try:
        text = (folder / ".dockerignore").read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return (lambda name: False), (lambda name: False)
    except UnicodeDecodeError as error:
        raise Failure(f"{folder / '.dockerignore'} is not UTF-8 text.") from error
    from docker.utils.build import PatternMatcher

    lines = [line.strip() for line in text.splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    some_return = any(pattern.startswith("!") for pattern in patterns)
    return PatternMatcher(patterns).matches, lambda name: some_return


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
