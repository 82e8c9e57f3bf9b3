"""A small server that vouches for people as GitHub's OAuth and an OpenID Connect provider are documented to.

Who asks wrongly (another client, a code used twice, a verifier that does not fit) is refused, and it is kept in
`faults`; the fixture of whoever starts one asserts that there are none.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_port

CLIENT, SECRET = "deployer-client", "deployer-client-secret"


@dataclass
class StandIn:
    """`who`: GitHub's user, or the claims; `emails`: GitHub's list. `odd`: path → what it answers instead."""

    port: int
    who: dict[str, Any] = field(default_factory=dict)
    emails: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    cancels: bool = False
    odd: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def running() -> Iterator[StandIn]:
    """A stand-in that answers on loopback."""
    stand_in = StandIn(free_port())
    server = ThreadingHTTPServer(("127.0.0.1", stand_in.port), _handler(stand_in))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            if parts.path in stand_in.odd:
                return self._end(200, stand_in.odd[parts.path])
            if parts.path in ("/login/oauth/authorize", "/authorize"):
                return self._consent(query)
            if parts.path == "/.well-known/openid-configuration":
                return self._end(200, _discovery(stand_in))
            answers = {
                "/api/v3/user": stand_in.who,
                "/api/v3/user/emails": stand_in.emails,
                "/userinfo": stand_in.claims,
            }
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            if parts.path not in answers or token not in stand_in.tokens or kind not in ("token", "Bearer"):
                return self._wrong(f"GET {parts.path} with {kind}")
            return self._end(200, answers[parts.path])

        def do_POST(self) -> None:
            given = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            path = urlsplit(self.path).path
            asked = stand_in.codes.pop(given.get("code", ""), None)
            if path not in ("/login/oauth/access_token", "/token") or asked is None:
                return self._wrong(f"POST {path}, a code that is not known")
            proof = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
            expected = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uri": asked["redirect_uri"]}
            if any(given.get(name) != value for name, value in expected.items()):
                return self._wrong(f"not ours: {given}")
            if proof.decode().rstrip("=") != asked["code_challenge"]:
                return self._wrong("the verifier does not fit")
            token = secrets.token_urlsafe()
            stand_in.tokens.add(token)
            answer = {"access_token": token, "token_type": "bearer"}
            if path == "/token":
                answer["id_token"] = jwt.encode(_id_claims(stand_in), stand_in.key, algorithm="ES256")
            return self._end(200, answer)

        def _consent(self, query: dict[str, str]) -> None:
            if query.get("client_id") != CLIENT or query.get("code_challenge_method") != "S256":
                return self._wrong(f"authorize with {query}")
            if query.get("response_type") != "code" or not query.get("state"):
                return self._wrong(f"authorize with {query}")
            code = secrets.token_urlsafe()
            stand_in.codes[code] = query
            answer = {"error": "access_denied"} if stand_in.cancels else {"code": code}
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{urlencode(answer | {'state': query['state']})}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _wrong(self, fault: str) -> None:
            stand_in.faults.append(fault)
            self._end(400, {"error": "invalid_request"})

        def _end(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _discovery(stand_in: StandIn) -> dict[str, Any]:
    return {
        "issuer": stand_in.url,
        "authorization_endpoint": f"{stand_in.url}/authorize",
        "token_endpoint": f"{stand_in.url}/token",
        "userinfo_endpoint": f"{stand_in.url}/userinfo",
        "jwks_uri": f"{stand_in.url}/jwks",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }


def _id_claims(stand_in: StandIn) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": stand_in.url, "aud": CLIENT, "sub": "subject-1", "iat": now, "exp": now + 60}
