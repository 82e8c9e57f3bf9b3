"""Write the files of a commit into a folder: nothing outside of it, no more than allowed, judged as an upload is."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backports import tarfile

from releases.clients import disk
from releases.clients.git.ground import Ground
from releases.clients.git.process import Process, Stop
from releases.errors import SourceFailed

FILE, PROGRAM, LINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "040000"
PATH_MAX = 4096
LINK_MAX = 4096
NAMED = 5
LFS_HEADER = b"version https://git-lfs.github.com/spec/v1\n"
LFS_POINTER_MAX = 1024


@dataclass(frozen=True)
class Entry:
    """`path` as the file system has it: undecodable bytes as surrogates."""

    mode: str
    name: str
    size: int
    path: str


@dataclass
class Tree:
    """The entries of a commit, sorted by what is done with them."""

    folders: list[Entry] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)
    submodules: list[Entry] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files)


class Writer:
    """Takes commits out of the bare repository `mirror`."""

    def __init__(self, ground: Ground, mirror: Path, *, seconds: float, look: Stop) -> None:
        self.ground, self.mirror, self.seconds, self.look = ground, mirror, seconds, look

    def tree(self, commit: str, *, max_bytes: int, max_files: int) -> Tree:
        """What the commit has. Raises SourceFailed as soon as it is known to be too much, or has a bad path."""
        tree, count, size = Tree(), 0, 0
        sorted_into = {FOLDER: tree.folders, LINK: tree.links, SUBMODULE: tree.submodules}
        for entry in self._listed(commit):
            count, size = count + 1, size + entry.size
            if count > max_files:
                raise SourceFailed(f"The source has more than {max_files:,} files.", cause="huge")
            if size > max_bytes:
                raise SourceFailed(f"The source is larger than {max_bytes // 1024**2:,} MiB.", cause="huge")
            _refuse_strange(entry)
            sorted_into.get(entry.mode, tree.files).append(entry)
        return tree

    def write(self, tree: Tree, folder: Path, say: Callable[[str], None]) -> None:
        """Into `folder`, which is empty. Links come last, so that nothing is ever written through one."""
        try:
            for entry in [*tree.folders, *tree.submodules]:
                (folder / entry.path).mkdir(exist_ok=True)
            pointers = [
                entry.path
                for entry, content in self._contents(tree.files)
                if _written(folder / entry.path, entry, content)
            ]
            for entry, content in self._contents(tree.links):
                _link(folder, entry, b"".join(content))
            for entry in tree.links:
                _refuse_outside(folder, entry)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            cause = "disk" if disk.is_to_blame(error) else "path"
            raise SourceFailed(f"The source can't be written: {reason}.", cause=cause) from error
        _tell(say, "Submodules are not fetched; their folders are empty", [entry.path for entry in tree.submodules])
        _tell(say, "Files of Git LFS are not fetched; these are only pointers", pointers)

    def _listed(self, commit: str) -> Iterator[Entry]:
        # With -t folders are listed, too, and so counted: a tree that repeats itself has no end otherwise.
        rest = b""
        listing = self._process("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", commit)
        for piece in listing.output():
            *lines, rest = (rest + piece).split(b"\0")
            for line in lines:
                yield _entry(line)
        self._check(listing)

    def _contents(self, entries: list[Entry]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Each with its content, which must be taken before the next one."""
        if not entries:
            return
        with tempfile.TemporaryFile(dir=self.ground.home) as names:
            names.write("".join(f"{entry.name}\n" for entry in entries).encode())
            names.seek(0)
            process = self._process("cat-file", "--batch", "--buffer")
            process.given = names
            stream = _Stream(process.output())
            for entry in entries:
                head = stream.line()
                if head != f"{entry.name} blob {entry.size}".encode():
                    raise SourceFailed(f"The repository's object {entry.name} can't be read.", cause="malformed")
                yield entry, stream.take(entry.size)
                stream.line()
            stream.close()

    def _process(self, *arguments: str) -> Process:
        command = self.ground.command(*arguments, at=self.mirror)
        return Process(command, self.ground.environment, self.ground.home, self.seconds, self.look)

    def _check(self, process: Process) -> None:
        if process.code:
            words = process.errors.decode(errors="replace").strip()[:200]
            raise SourceFailed(f"The commit can't be read: {words}", cause="malformed")


class _Stream:
    """Pieces of any size, read by lines and by lengths."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def line(self) -> bytes:
        while b"\n" not in self.rest:
            self.rest += self._next()
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def take(self, size: int) -> Iterator[bytes]:
        while size:
            self.rest = self.rest or self._next()
            piece, self.rest = self.rest[:size], self.rest[size:]
            size -= len(piece)
            yield piece

    def close(self) -> None:
        self.pieces.close()  # type: ignore[attr-defined]

    def _next(self) -> bytes:
        piece = next(self.pieces, b"")
        if not piece:
            raise SourceFailed("The repository's objects can't be read to their end.", cause="malformed")
        return piece


def _entry(line: bytes) -> Entry:
    about, _, path = line.partition(b"\t")
    mode, _, name, size = about.decode().split()
    return Entry(mode, name, int(size) if size.isdigit() else 0, os.fsdecode(path))


def _refuse_strange(entry: Entry) -> None:
    parts = entry.path.split("/")
    if len(os.fsencode(entry.path)) > PATH_MAX or any(part in ("", ".", "..") for part in parts):
        raise SourceFailed(f"The source is refused: {shown(entry.path)} leads out of it.", cause="path")
    if any(part.lower() == ".git" for part in parts):
        raise SourceFailed(f"The source is refused: {shown(entry.path)} is Git's own.", cause="path")


def _written(path: Path, entry: Entry, content: Iterator[bytes]) -> bool:
    """Whether it is a pointer to a file of Git LFS."""
    mode = 0o755 if entry.mode == PROGRAM else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    head = b""
    with open(descriptor, "wb") as file:
        for piece in content:
            head = head or piece
            file.write(piece)
    return entry.size <= LFS_POINTER_MAX and head.startswith(LFS_HEADER)


def _link(folder: Path, entry: Entry, content: bytes) -> None:
    if len(content) > LINK_MAX:
        raise SourceFailed(f"The source is refused: the link {shown(entry.path)} is too long.", cause="path")
    member = tarfile.TarInfo(entry.path)
    member.type, member.linkname = tarfile.SYMTYPE, os.fsdecode(content)
    try:
        tarfile.data_filter(member, folder)
    except tarfile.FilterError as error:
        raise SourceFailed(f"The source is refused: {shown(str(error))}.", cause="path") from error
    os.symlink(content, os.fsencode(folder / entry.path))


def _refuse_outside(folder: Path, entry: Entry) -> None:
    """Again, now that all links are there: one may lead out through another that came after it."""
    # Unlike Path.resolve, this takes links in a circle, which lead nowhere and do no harm.
    if not Path(os.path.realpath(folder / entry.path)).is_relative_to(os.path.realpath(folder)):
        raise SourceFailed(f"The source is refused: {shown(entry.path)} leads out of it.", cause="path")


def shown(path: str) -> str:
    """For a log or a message: one line of valid text."""
    text = path.encode(errors="backslashreplace").decode()
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)[:200]


def _tell(say: Callable[[str], None], what: str, paths: list[str]) -> None:
    if paths:
        more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
        say(f"{what}: {', '.join(shown(path) for path in paths[:NAMED])}{more}")
