"""The cache: a bare repository per URL and its lock, the least recently used removed when there is too much."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from releases.clients.git.ground import HOME_PREFIX
from releases.errors import SourceFailed

LOOK_SECONDS = 0.1
REMOVED = ".removed-"
# Longer than any run of Git may take.
OLD_SECONDS = 24 * 3600


class Mirrors:
    """Mirrors below `folder`, together at most about `max_bytes`: one in use is never removed."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def of(self, url: str) -> "Mirror":
        return Mirror(self.folder, hashlib.sha256(url.encode()).hexdigest()[:32])

    def sweep(self) -> None:
        """Remove the least recently used until the bound is kept, and what killed workers left."""
        for left in [*self.folder.glob(f"{REMOVED}*"), *filter(_is_old, self.folder.glob(f"{HOME_PREFIX}*"))]:
            shutil.rmtree(left, ignore_errors=True)
        found = [(mirror.used_at(), mirror.size(), mirror) for mirror in self._all()]
        total = sum(size for _, size, _ in found)
        for _, size, mirror in sorted(found, key=lambda each: each[0]):
            if total <= self.max_bytes:
                return
            with mirror.locked_now() as ours:
                if ours:
                    mirror.remove()
                    total -= size

    def _all(self) -> list["Mirror"]:
        return [Mirror(self.folder, path.stem) for path in self.folder.glob("*.git")]


class Mirror:
    """One of them. Its lock is the kernel's: it ends with whoever holds it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.lock = folder / f"{name}.git", folder / f"{name}.lock"

    @contextmanager
    def locked(self, *, shared: bool, seconds: float, look: Callable[[], None]) -> Iterator[None]:
        """Alone, or with other readers. Raises SourceFailed when it can't be had within `seconds`."""
        with self._opened() as descriptor:
            until = time.monotonic() + seconds
            while not _flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                look()
                if time.monotonic() > until:
                    raise SourceFailed(
                        f"Others were busy with this repository for {seconds:g} s.", cause="busy", passing=True
                    )
                time.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError):
                os.utime(self.path)
            yield

    @contextmanager
    def locked_now(self) -> Iterator[bool]:
        """Whether nobody else has it; if so, it is ours alone until the end of the block."""
        with self._opened() as descriptor:
            yield _flock(descriptor, fcntl.LOCK_EX)

    def free_of_leftovers(self) -> None:
        """What a Git that was killed left: its locks would hold up every later one. Only for who has it alone."""
        for left in [*self.path.rglob("*.lock"), *self.path.glob("objects/pack/tmp_*")]:
            left.unlink(missing_ok=True)

    def packs(self) -> int:
        return sum(1 for _ in self.path.glob("objects/pack/*.pack"))

    def size(self) -> int:
        """Bytes on the disk."""
        total = 0
        for folder, _, files in os.walk(self.path):
            for name in files:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def used_at(self) -> float:
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    def remove(self) -> None:
        """Out of the way at once; only for who has it alone."""
        if self.path.exists():
            away = Path(tempfile.mkdtemp(prefix=REMOVED, dir=self.path.parent))
            self.path.rename(away / self.path.name)
            shutil.rmtree(away, ignore_errors=True)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        # Never removed: whoever waits for it must wait for the same file as the next one who comes.
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _is_old(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime > OLD_SECONDS
    return False


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
