"""Talk to the server of one repository."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from releases.clients.git import address as addresses
from releases.clients.git import references, words
from releases.clients.git.address import Address, Policy
from releases.clients.git.credentials import Credentials
from releases.clients.git.ground import Ground, prepared
from releases.clients.git.process import Process, Stop
from releases.errors import SourceFailed

LOCATION = re.compile(rb"(?im)recv header: location: (\S+)")
SERVICE = "/info/refs?service=git-upload-pack"
TRACED = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
ASKING_SECONDS = 60.0
# Everything is named, so that nothing comes along that nobody asked for.
FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc", "--force")


@dataclass(frozen=True)
class Place:
    """Where the repository is, who we are there, and what is allowed."""

    address: Address
    credentials: Credentials
    policy: Policy
    known_hosts: Path


class Remote:
    """Made by `connected`. Its methods raise SourceFailed; `stop` is called often, and what it raises ends the work."""

    def __init__(self, place: Place, ground: Ground, stop: Stop) -> None:
        self.place, self.ground, self.stop = place, ground, stop
        self.url = place.address.url

    def refs(self, *patterns: str) -> dict[str, str]:
        """Full name → object; all without patterns."""
        return references.read(self._ask("ls-remote", "--quiet", names=patterns))

    def fetch(self, mirror: Path, *refspecs: str, depth: int, seconds: float, look: Stop) -> None:
        """Into the bare repository `mirror`."""
        self._ask(*FETCH, f"--depth={depth}", names=refspecs, at=mirror, seconds=seconds, look=look)

    def _ask(
        self,
        *words_of_command: str,
        names: tuple[str, ...],
        at: Path | None = None,
        seconds: float = ASKING_SECONDS,
        look: Stop | None = None,
    ) -> bytes:
        """Follows a repository that was renamed to another path of the same server."""
        for follow in (True, False):
            command = self.ground.command(*words_of_command, "--", self.url, *names, at=at)
            process = Process(command, self.ground.environment, self.ground.home, seconds, look or self.stop)
            output = process.text()
            if not process.code:
                return output
            failure = words.failure(process.errors, host=self.place.address.host, credentials=self.place.credentials)
            if failure.cause != "moved" or not follow:
                break
            self.url = self._new_url()
        raise failure

    def _new_url(self) -> str:
        """Git itself follows no redirect here, for it would follow any: we read where it leads, and judge."""
        command = self.ground.command("ls-remote", "--quiet", "--", self.url)
        environment = {**self.ground.environment, **TRACED}
        process = Process(command, environment, self.ground.home, ASKING_SECONDS, self.stop)
        process.text()
        return moved(self.place, process.errors)


def moved(place: Place, trace: bytes) -> str:
    """The URL that a redirect in curl's trace leads to, if it is of the same server. Raises SourceFailed."""
    found = LOCATION.search(trace)
    location = found[1].decode(errors="replace") if found else ""
    if location.startswith("/"):
        location = place.address.origin + location
    if location.endswith(SERVICE):
        new = addresses.parse(location.removesuffix(SERVICE), place.policy)
        if new.origin == place.address.origin:
            return new.url
    raise SourceFailed(
        f"{place.address.url} leads elsewhere: to {words.clean(location.encode(), place.credentials)[:200]}",
        cause="moved",
        hint="If that is where the repository is now, give that URL: the token is not sent to another server unasked.",
    )


@contextmanager
def connected(place: Place, stop: Stop) -> Iterator[Remote]:
    """Judges where the server's name leads, and gets who we are ready. Nothing is sent yet."""
    address = addresses.look_up(place.address, place.policy)
    with prepared(address, place.credentials, place.known_hosts) as ground:
        yield Remote(place, ground, stop)
