"""Where a repository is: which URLs are taken, and which addresses they may lead to."""

import ipaddress
import re
import socket
import urllib.request
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

from releases.errors import SourceFailed

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_MAX = 1000
PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
SCP_FORM = re.compile(r"(?P<user>[^@/:]+)@(?P<host>[^@/:]+):(?P<path>[^/:].*)")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]+")

# RFC 1918 and RFC 4193: where a team's own Git server usually is.
PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# Where clouds give credentials to whoever asks from the inside: AWS and most others, AWS over IPv6, Alibaba, Oracle,
# Azure's wire server. Only an allowance for that one address opens one.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Policy:
    """What the installation allows: `transports` by scheme, and `networks` that are not public but may be reached."""

    transports: frozenset[str] = frozenset({"https", "ssh"})
    networks: tuple[Network, ...] = PRIVATE

    def allows(self, address: IPAddress) -> bool:
        plain = _plain(address)
        inside = [network for network in self.networks if plain in network]
        if plain in METADATA:
            return any(network.num_addresses == 1 for network in inside)
        return bool(inside) or (plain.is_global and not plain.is_multicast)


@dataclass(frozen=True)
class Address:
    """A URL that was taken. `url` goes to Git as it is; it carries no secret."""

    url: str
    scheme: str
    host: str = ""
    port: int = 0
    user: str = ""
    # What the host's name leads to, once it was looked up and found allowed: Git is held to these.
    found: tuple[IPAddress, ...] = field(default=(), compare=False)

    @property
    def origin(self) -> str:
        """As Git names it when it asks for a password: without a port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS.get(self.scheme) else f":{self.port}")


def parse(url: str, policy: Policy) -> Address:
    """Raises SourceFailed, with words for whoever typed it."""
    _refuse_strange(url)
    scp = SCP_FORM.fullmatch(url)
    if scp:
        url = f"ssh://{scp['user']}@{scp['host']}/{scp['path']}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(f"The repository's URL can't be read: {error}.") from error
    scheme = parts.scheme.lower()
    if scheme not in policy.transports:
        raise _transport(url, scheme, policy)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _wrong("The repository's URL has a ? or #; Git needs neither. A token goes into its own field.")
    if scheme == "file":
        return _local(parts)
    return _remote(parts, scheme, port)


def _refuse_strange(url: str) -> None:
    if not url or len(url) > URL_MAX:
        raise _wrong(f"The repository's URL is {'empty' if not url else 'too long'}.")
    if url.startswith("-") or not url.isprintable() or " " in url or "\\" in url:
        raise _wrong("The repository's URL begins with a hyphen, or has a blank or a sign that belongs in no URL.")
    if re.match(r"[A-Za-z0-9+.-]+::", url):
        raise _wrong("A URL with :: would run a program of its own choosing; give an https:// or ssh:// URL.")


def _transport(url: str, scheme: str, policy: Policy) -> SourceFailed:
    allowed = " or ".join(f"{name}://" for name in sorted(policy.transports)) or "no transport"
    if not scheme or "://" not in url:
        return _wrong(f"The repository's URL must begin with {allowed}.")
    return SourceFailed(
        f"{scheme}:// is not allowed here: {allowed} is.",
        cause="transport",
        hint="Give another URL of the repository, or have an administrator allow the transport (docs/sources.md).",
    )


def _local(parts: SplitResult) -> Address:
    if parts.netloc or not parts.path.startswith("/") or ".." in parts.path.split("/"):
        raise _wrong("A file URL is file:///, then the absolute path of the repository.")
    return Address(f"file://{parts.path}", "file")


def _remote(parts: SplitResult, scheme: str, port: int | None) -> Address:
    host = (parts.hostname or "").lower()
    if not HOST.fullmatch(host):
        raise _wrong("The repository's URL has no host name, or a wrong one.")
    if parts.path.strip("/") == "" or parts.path.startswith("/-"):
        raise _wrong("The repository's URL has no path, or one that begins with a hyphen.")
    if parts.password is not None or (scheme != "ssh" and "@" in parts.netloc):
        raise _wrong(
            "The repository's URL has a user name or password in it.",
            hint="Give the URL without it, and the token in its own field: there it is encrypted and never shown.",
        )
    user = parts.username or ("git" if scheme == "ssh" else "")
    if user and not USER.fullmatch(user):
        raise _wrong("The repository's URL has a strange user name.")
    if port == 0:
        raise _wrong("The repository's URL has a wrong port.")
    address = Address("", scheme, host, port or PORTS[scheme], user)
    at = address.origin.replace("://", f"://{user}@") if user else address.origin
    return Address(at + parts.path, scheme, host, address.port, user)


def look_up(address: Address, policy: Policy) -> Address:
    """The same with `found`. Raises SourceFailed where the name is unknown or leads to where nobody may go."""
    if address.scheme == "file":
        return address
    try:
        literal = ipaddress.ip_address(address.host)
    except ValueError:
        if _by_proxy(address):
            return address  # whose names are the proxy's to look up, and whose ways are its to allow
        found = _found(address)
    else:
        found = (literal,)
    for each in found:
        if not policy.allows(each):
            raise SourceFailed(
                f"{address.host} leads to {each}, a network that Deployer may not fetch from.",
                cause="own_network",
                hint="An administrator can allow a network in the settings (docs/sources.md).",
            )
    return Address(address.url, address.scheme, address.host, address.port, address.user, found)


def _found(address: Address) -> tuple[IPAddress, ...]:
    try:
        answers = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceFailed(
            f"The host {address.host} can't be found: {getattr(error, 'strerror', None) or error}.",
            cause="dns",
            hint="Is the name in the URL right? Does this machine's DNS know it?",
            passing=True,
        ) from error
    return tuple(dict.fromkeys(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))


def _by_proxy(address: Address) -> bool:
    proxies = urllib.request.getproxies_environment()
    if not proxies.get(address.scheme) and (address.scheme == "ssh" or not proxies.get("all")):
        return False
    return not urllib.request.proxy_bypass(f"{address.host}:{address.port}")


def _plain(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _wrong(message: str, hint: str = "") -> SourceFailed:
    return SourceFailed(message, cause="url", hint=hint)
