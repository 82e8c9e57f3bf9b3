"""Unpack an upload that nobody vouches for: nothing outside the folder, nothing but files, folders and inner links."""

import gzip
import os
import zlib
from pathlib import Path

from backports import tarfile  # the filters came to Python with 3.11.4, which Debian 12 does not have

from releases.clients import disk
from releases.errors import BuildFailed

# tarfile reads a member's extended header in one piece, whatever size it claims; file contents come in small pieces.
READ_MAX = 4 * 1024**2


class _Bounded:
    """The decompressed stream, with a limit on each read and on the whole."""

    def __init__(self, source: gzip.GzipFile, limit: int) -> None:
        self.source, self.limit = source, limit

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= READ_MAX:
            raise BuildFailed("The source archive has a header of absurd size.")
        data = self.source.read(size)
        self._check()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > self.limit:
            raise _too_large(self.limit)
        return self.source.seek(offset, whence)

    def tell(self) -> int:
        return self.source.tell()

    def _check(self) -> None:
        if self.source.tell() > self.limit:
            raise _too_large(self.limit)


def unpack(archive: Path, folder: Path, *, max_bytes: int, max_files: int) -> tuple[int, int]:
    """Unpack the tar.gz `archive` into the empty `folder`. Gives (files, bytes). Raises BuildFailed, naming the member.

    The rules are those of tarfile's `data` filter (PEP 706), and refusals instead of its silent repairs.
    """
    files = size = 0
    try:
        # Headers and padding cost at most 1 KiB and a half per member.
        with gzip.open(archive) as stream:
            bounded = _Bounded(stream, max_bytes + 1536 * max_files)
            with tarfile.open(fileobj=bounded, mode="r:") as tar:
                for member in tar:
                    files, size = files + 1, size + member.size
                    if files > max_files:
                        raise BuildFailed(f"The source has more than {max_files:,} files.")
                    if size > max_bytes:
                        raise _too_large(max_bytes)
                    _refuse_strange(member)
                    tar.extract(member, folder, filter="data")
            while bounded.read(READ_MAX):
                pass  # to the checksum behind the last member
        _refuse_ways_out(folder)
    except tarfile.FilterError as error:
        raise BuildFailed(f"The source archive is refused: {error}.") from error
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, UnicodeError) as error:
        # Whatever commit it is said to be: that has arrived in pieces.
        raise BuildFailed(f"The source is not a whole .tar.gz archive: {error}.", faultless=True) from error
    except (OSError, ValueError) as error:
        words = f"The source archive can't be unpacked: {error}."
        raise BuildFailed(words, faultless=disk.is_to_blame(error)) from error
    return files, size


def _refuse_strange(member: tarfile.TarInfo) -> None:
    if member.name.startswith("/") or ".." in Path(member.name).parts:
        raise BuildFailed(f"The source archive is refused: {member.name[:200]!r} leads out of it.")
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise BuildFailed(f"The source archive is refused: {member.name[:200]!r} is no file, folder or link.")


def _refuse_ways_out(folder: Path) -> None:
    """Judged again when all links are there: one may lead out through another that came after it."""
    inside = os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in folders + files):
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(inside):
                name = os.path.relpath(path, folder)
                raise BuildFailed(f"The source archive is refused: {name[:200]!r} leads out of it.")


def _too_large(limit: int) -> BuildFailed:
    return BuildFailed(f"The source is larger than {limit // 1024**2:,} MiB when unpacked.")
