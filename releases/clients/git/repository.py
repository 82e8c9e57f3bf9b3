"""Exact commits of any repository that the policy allows, through a cache of mirrors."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from releases.clients.git import address as addresses
from releases.clients.git import references, words
from releases.clients.git.address import Policy
from releases.clients.git.credentials import Credentials
from releases.clients.git.ground import Ground, prepared
from releases.clients.git.mirrors import Mirror, Mirrors
from releases.clients.git.process import Process, Stop, never
from releases.clients.git.references import HEADS, TAGS, Point
from releases.clients.git.remote import Place, Remote, connected
from releases.clients.git.tree import Writer, shown
from releases.errors import SourceFailed

PACKS_MAX = 50
TRIES = 3
# For servers that give no commit by its name: how far behind a branch it is looked for.
DEPTHS = (50, 1000)
# Under its own name here is every commit that came whole; a tag's name leads to its commit.
KNOWN = "refs/commits/"
# The causes of a failure that a mirror itself may be.
UNSOUND = ("unknown", "malformed")
LOCAL_SECONDS = 60.0
LAST_SECOND = 253402300799  # that a datetime can have

Say = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """Of the files of a commit, as of an upload; of what a fetch may bring; of its time, and of waiting for others."""

    max_bytes: int = 2 * 1024**3
    max_files: int = 100_000
    fetch_bytes: int = 2 * 1024**3
    seconds: float = 600.0
    wait_seconds: float = 900.0


@dataclass(frozen=True)
class Commit:
    """`subject` and `author` in one line each; `files` and `bytes`: what was written of it."""

    name: str
    subject: str
    author: str
    at: datetime
    files: int = 0
    bytes: int = 0


class Repository:
    """One repository. Making one and its methods raise SourceFailed.

    `cache`: the folder of all mirrors, which together have at most about `cache_bytes`.
    `stop` is called several times a second; what it raises ends the work.
    """

    def __init__(
        self,
        url: str,
        *,
        cache: Path,
        credentials: Credentials = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        cache_bytes: int = 10 * 1024**3,
        stop: Stop = never,
    ) -> None:
        policy, cache = policy or Policy(), cache.resolve()
        self.place = Place(addresses.parse(url, policy), credentials, policy, cache / "known_hosts")
        self.limits, self.stop = limits or Limits(), stop
        self.mirrors = Mirrors(cache, cache_bytes)
        self.admitted = False

    def heads(self) -> dict[str, str]:
        """Branch → commit."""
        with self._connected() as remote:
            return references.heads(remote.refs(HEADS + "*"))

    def resolve(self, ref: str = "HEAD") -> Point:
        """The commit that a branch, tag, HEAD or full name leads to now; a whole commit's name is itself, unasked."""
        if references.COMMIT.fullmatch(ref):
            return Point(ref)
        ref = references.checked_ref(ref)
        with self._connected() as remote:
            found = remote.refs(ref, ref + "^{}", HEADS + ref, TAGS + ref, TAGS + ref + "^{}")
            if not found:
                found = remote.refs()  # all: to tell an empty repository from a missing branch, or to complete a name
        return references.point(ref, found)

    def export(self, commit: str, folder: Path, *, say: Say, ref: str = "") -> Commit:
        """Write the files of `commit`, all 40 digits of it, into the empty `folder`.

        `ref`: the full name of what led to it, for servers that give commits only by following one.
        """
        references.checked_commit(commit)
        if ref:
            references.checked_ref(ref)
        mirror = self.mirrors.of(self.place.address.url)
        try:
            for _ in range(TRIES):
                with self._held(mirror, shared=True), prepared(None, None, self.place.known_hosts) as ground:
                    found = self._found(ground, mirror, commit)
                    if found:
                        self._be_admitted()
                        return self._write(ground, mirror, found, folder, say)
                with self._held(mirror, shared=False), self._connected() as remote:
                    if self._found(remote.ground, mirror, commit):
                        remote.refs("HEAD")  # somebody else has fetched it meanwhile; may we have it?
                    else:
                        say(f"Fetching {commit} from {self.place.address.url}")
                        self._fetch(remote, mirror, commit, ref)
            raise SourceFailed("The cache is too small for this repository.", cause="huge")
        finally:
            self.mirrors.sweep()

    @contextmanager
    def _connected(self) -> Iterator[Remote]:
        """Whoever gets to the end of the block was let in by the server."""
        with connected(self.place, self.stop) as remote:
            yield remote
        self.admitted = True

    def _be_admitted(self) -> None:
        """What lies in the cache is for those alone whom the server would give it to now: others filled it, too."""
        if not self.admitted:
            with self._connected() as remote:
                remote.refs("HEAD")

    def _held(self, mirror: Mirror, *, shared: bool) -> AbstractContextManager[None]:
        return mirror.locked(shared=shared, seconds=self.limits.wait_seconds, look=self.stop)

    # Reading the mirror, beside others who read it

    def _found(self, ground: Ground, mirror: Mirror, commit: str) -> Commit | None:
        """The commit, where the mirror has it and can read it: after a power cut it may have it in name only."""
        if not (mirror.path / KNOWN / commit).is_file():
            return None
        try:
            return self._described(ground, mirror, commit)
        except SourceFailed as error:
            if error.cause not in UNSOUND:
                raise
            return None

    def _write(self, ground: Ground, mirror: Mirror, found: Commit, folder: Path, say: Say) -> Commit:
        limits = self.limits
        writer = Writer(ground, mirror.path, seconds=limits.seconds, look=self.stop)
        tree = writer.tree(found.name, max_bytes=limits.max_bytes, max_files=limits.max_files)
        writer.write(tree, folder, say)
        return replace(found, files=len(tree.files) + len(tree.links), bytes=tree.size)

    def _described(self, ground: Ground, mirror: Mirror, commit: str) -> Commit:
        told = self._local(
            ground,
            *("log", "-1", "--no-mailmap", "--encoding=UTF-8", "--format=%H%x00%ct%x00%an%x00%s"),
            f"{KNOWN}{commit}^{{commit}}",
            at=mirror.path,
        )
        name, at, author, subject = told.decode(errors="replace").rstrip("\n").split("\0", 3)
        second = min(max(int(at or 0), 0), LAST_SECOND)
        return Commit(name, shown(subject), shown(author), datetime.fromtimestamp(second, UTC))

    # Fetching into it, alone

    def _fetch(self, remote: Remote, mirror: Mirror, commit: str, ref: str) -> None:
        if mirror.packs() > PACKS_MAX or (mirror.path / KNOWN / commit).is_file():
            mirror.remove()  # a fresh one is small again, and can be read
        existed = mirror.path.is_dir()
        try:
            self._fetch_once(remote, mirror, commit, ref)
        except SourceFailed as error:
            if error.cause == "huge":
                mirror.remove()  # it would push out everybody else's
            if not existed or error.cause not in UNSOUND:
                raise
            mirror.remove()  # it may be the mirror that is not sound
            self._fetch_once(remote, mirror, commit, ref)

    def _fetch_once(self, remote: Remote, mirror: Mirror, commit: str, ref: str) -> None:
        if not mirror.path.is_dir():
            self._local(remote.ground, "init", "--quiet", "--bare", "--template=", str(mirror.path))
        mirror.free_of_leftovers()
        try:
            self._bring(remote, mirror, f"{commit}:{KNOWN}{commit}", depth=1)
        except SourceFailed as error:
            if error.cause != "no_commit":
                raise
            self._fetch_behind(remote, mirror, commit, ref)
        finally:
            mirror.free_of_leftovers()
        if not self._commit_behind(remote.ground, mirror, KNOWN + commit):
            self._local(remote.ground, "update-ref", "-d", KNOWN + commit, at=mirror.path)
            raise SourceFailed(f"{commit} is no commit.", cause="ref")

    def _fetch_behind(self, remote: Remote, mirror: Mirror, commit: str, ref: str) -> None:
        """By following a branch: older servers give nothing else than what a name leads to."""
        wanted = [f"{ref}:refs/seen/asked"] if ref else [f"{HEADS}*:refs/seen/heads/*", f"{TAGS}*:refs/seen/tags/*"]
        for depth in DEPTHS:
            self._bring(remote, mirror, *wanted, depth=depth)
            if self._commit_behind(remote.ground, mirror, commit):
                self._local(remote.ground, "update-ref", KNOWN + commit, commit, at=mirror.path)
                return
        raise words.failure(b"not our ref", host=self.place.address.host, credentials=None)

    def _bring(self, remote: Remote, mirror: Mirror, *refspecs: str, depth: int) -> None:
        most = mirror.size() + self.limits.fetch_bytes

        def look() -> None:
            self.stop()
            if mirror.size() > most:
                raise SourceFailed(
                    f"The repository sends more than {self.limits.fetch_bytes // 1024**2:,} MiB for this commit.",
                    cause="huge",
                    hint="Keep large files elsewhere, or have an administrator raise the limit (docs/sources.md).",
                )

        remote.fetch(mirror.path, *refspecs, depth=depth, seconds=self.limits.seconds, look=look)
        look()

    def _commit_behind(self, ground: Ground, mirror: Mirror, name: str) -> str:
        command = ground.command("rev-parse", "--verify", "--quiet", name + "^{commit}", at=mirror.path)
        process = Process(command, ground.environment, ground.home, LOCAL_SECONDS, self.stop)
        found = process.text().decode().strip()
        return found if not process.code else ""

    def _local(self, ground: Ground, *arguments: str, at: Path | None = None) -> bytes:
        process = Process(ground.command(*arguments, at=at), ground.environment, ground.home, LOCAL_SECONDS, self.stop)
        output = process.text()
        if process.code:
            raise words.failure(process.errors, host="", credentials=None)
        return output
