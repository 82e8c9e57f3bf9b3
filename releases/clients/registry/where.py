"""Where a registry is: which addresses are taken, and which server answers there."""

import ipaddress
import re
from dataclasses import dataclass

from releases.clients.images.plan import registry_of
from releases.errors import Invalid

ADDRESS_MAX = 300
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
# https://github.com/distribution/reference: the parts of a repository's name.
PART = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
# Docker's own registry is named so and answers elsewhere.
DOCKER_HUB, DOCKER_HUB_SERVER = ("docker.io", "index.docker.io", "registry-1.docker.io"), "registry-1.docker.io"
# References to images of an embedded cluster begin so.
EMBEDDED = "local"
EXAMPLE = "registry.example.com:5000/team"


@dataclass(frozen=True)
class Where:
    """`host[:port][/path]`, taken apart. `path` has no slash at its ends and may be blank."""

    host: str
    port: int | None
    path: str

    @property
    def server(self) -> str:
        """`host[:port]` of who answers."""
        host = DOCKER_HUB_SERVER if self.host in DOCKER_HUB else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def repository(self, name: str) -> str:
        """That of this name below the address, as the API names it."""
        return f"{self.path}/{name}" if self.path else name


def parse(address: str) -> Where:
    """Of an address that was `checked`."""
    server, _, path = address.partition("/")
    host, _, port = server.partition(":")
    return Where(host, int(port) if port else None, path)


def checked(address: str) -> str:
    """As it is stored: without a scheme, its host in small letters. Raises Invalid, in words for whoever typed it."""
    given = address.strip().rstrip("/")
    if not given or len(given) > ADDRESS_MAX:
        raise Invalid(f"A registry's address is {EXAMPLE}, say: it is {'too long' if given else 'missing'}.")
    if "://" in given:
        raise Invalid(f"A registry's address has no scheme: {EXAMPLE}.")
    if "@" in given:
        raise Invalid("A registry's address has no user name and no password in it: they have fields of their own.")
    if "?" in given or "#" in given:
        raise Invalid(f"A registry's address has no ? and no #: {EXAMPLE}.")
    server, slash, path = given.partition("/")
    server = server.lower()
    if not HOST.fullmatch(server) or not _port_fits(server):
        raise Invalid(f"“{server[:60]}” is no host, or no port: a registry's address is {EXAMPLE}, say.")
    if slash and not all(PART.fullmatch(part) for part in path.split("/")):
        raise Invalid(f"“{path[:60]}” can't be a path of a registry: small letters, digits, and . _ - between them.")
    if server == EMBEDDED:
        raise Invalid("“local” names the images of embedded clusters.")
    # The rule of Docker's reference grammar: any other first part is a name at Docker's own registry.
    if "." not in server and ":" not in server and server != "localhost":
        raise Invalid(f"“{server[:60]}” would be taken for a name at docker.io: a registry's host has a dot or a port.")
    if server in DOCKER_HUB and not slash:
        raise Invalid("Docker's registry wants your name or your organisation's, too: docker.io/NAME.")
    return ("docker.io" if server in DOCKER_HUB else server) + slash + path


def full(image: str) -> str:
    """A reference with its registry, as Docker reads it: `nginx` is `docker.io/library/nginx`."""
    if registry_of(image) != "docker.io" or image.startswith("docker.io/"):
        return image
    return f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"


def _port_fits(server: str) -> bool:
    _, colon, port = server.partition(":")
    return not colon or 0 < int(port) < 65536
