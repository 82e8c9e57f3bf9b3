"""Who may open a websocket: pages of this very address, port and all.

Cookies know no ports and count every port of a host as one site; an app that Deployer runs is such a port.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOrigin:
    """ASGI middleware for websockets: the Origin must be the Host, or one of CSRF_TRUSTED_ORIGINS."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if is_same(dict(scope["headers"])):
            await self.app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 4403})


def is_same(headers: dict[bytes, bytes]) -> bool:
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        asked = urlsplit(origin)
    except ValueError:
        return False
    domain, _ = split_domain_port(host)
    known = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    return known and asked.scheme in ("http", "https") and asked.netloc.lower() == host
