"""How a registry asks who we are: https://distribution.github.io/distribution/spec/auth/token/ and RFC 7617."""

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from releases.clients.images.plan import Login

PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Challenge:
    """`kind`: basic or bearer."""

    kind: str
    realm: str = ""
    service: str = ""
    scope: str = ""

    def url(self, scope: str) -> str:
        """Where the token is asked for: the registry's own scope, or the one that is needed."""
        asked = {"service": self.service, "scope": self.scope or scope}
        query = urlencode({name: value for name, value in asked.items() if value})
        return self.realm + (("&" if urlsplit(self.realm).query else "?") + query if query else "")


def parse(header: str) -> Challenge | None:
    """What `WWW-Authenticate` asks for; None for what we don't know."""
    kind, _, rest = header.strip().partition(" ")
    given = {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(rest)}
    if kind.lower() == "basic":
        return Challenge("basic")
    realm = given.get("realm", "")
    if kind.lower() == "bearer" and urlsplit(realm).hostname:
        return Challenge("bearer", realm, given.get("service", ""), given.get("scope", ""))
    return None


def basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def token(body: bytes) -> str:
    """Of a token server's answer; "" without one."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    found = (answer.get("token") or answer.get("access_token")) if isinstance(answer, dict) else ""
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else ""
