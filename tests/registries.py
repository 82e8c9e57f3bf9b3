"""Registries that ask who one is: the real one with a password file, and with a token server of the tests' own. And
images for them, pushed without an engine."""

import base64
import ctypes
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.certificates import Authority
from tests.docker_engine import Registry

USER, PASSWORD = "ann", "a-password-that-nobody-may-see"
SERVICE, ISSUER = "registry-of-tests", "tokens-of-tests"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class NoDeletions(Registry):
    """The default of a real one."""

    def config(self) -> dict[str, Any]:
        found = super().config()
        found["storage"]["delete"]["enabled"] = False
        return found


class WithPassword(Registry):
    """Knows one user, by a file as `htpasswd -B` writes it."""

    def config(self) -> dict[str, Any]:
        file = self.folder / "htpasswd"
        file.write_text(f"{USER}:{_bcrypt(PASSWORD)}\n")
        return super().config() | {"auth": {"htpasswd": {"realm": "tests", "path": str(file)}}}


class WithTokens(Registry):
    """Takes the tokens of `tokens`."""

    def __init__(self, tokens: "TokenServer") -> None:
        super().__init__()
        self.tokens = tokens

    def config(self) -> dict[str, Any]:
        bundle = self.folder / "authority.pem"
        bundle.write_text(self.tokens.authority.certificate)
        token = {"realm": self.tokens.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(bundle)}
        return super().config() | {"auth": {"token": token}}


class TokenServer:
    """Gives its user all that they ask for, and nobody else anything. `asked`: (Authorization, query) of each request.

    https://distribution.github.io/distribution/spec/auth/jwt/
    """

    def __init__(self) -> None:
        self.authority = Authority("tokens")
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        tokens = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given, query = self.headers.get("Authorization", ""), parse_qs(urlsplit(self.path).query)
                tokens.asked.append((given, query))
                known = given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                body = {"token": tokens.token(query)} if known else {"details": "incorrect username or password"}
                data = json.dumps(body).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        self.pair = self.authority.client()

    def token(self, query: dict[str, list[str]]) -> str:
        access = []
        for scope in query.get("scope", []):
            kind, name, wanted = scope.split(":")
            access.append({"type": kind, "name": name, "actions": wanted.split(",")})
        now = int(time.time())
        lines = self.pair.certificate.strip().splitlines()[1:-1]
        header = {"typ": "JWT", "alg": "ES256", "x5c": ["".join(lines)]}
        claims = {"iss": ISSUER, "aud": query["service"][0], "sub": USER, "exp": now + 300, "nbf": now - 10}
        claims |= {"iat": now, "jti": secrets.token_hex(8), "access": access}
        text = ".".join(_url64(json.dumps(part).encode()) for part in (header, claims))
        key = serialization.load_pem_private_key(self.pair.key.encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def token_server() -> Iterator[TokenServer]:
    made = TokenServer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join(30)
        made.server.server_close()


def push_image(address: str, repository: str, *tags: str, text: str = "", login: tuple[str, str] | None = None) -> str:
    """An image with nothing in it but `text` as a label, under these tags. Gives its digest."""
    with httpx.Client(base_url=f"http://{address}/v2/{repository}", auth=login, trust_env=False) as client:
        config = _uploaded(client, json.dumps({"os": "linux", "config": {"Labels": {"text": text}}}).encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **config},
            "layers": [],
        }
        data = json.dumps(manifest).encode()
        for tag in tags:
            answer = client.put(f"/manifests/{tag}", content=data, headers={"Content-Type": MANIFEST})
            assert answer.status_code == 201, answer.text
        return f"sha256:{hashlib.sha256(data).hexdigest()}"


def has_image(address: str, repository: str, digest: str) -> bool:
    answer = httpx.head(
        f"http://{address}/v2/{repository}/manifests/{digest}", headers={"Accept": MANIFEST}, trust_env=False
    )
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


def _uploaded(client: httpx.Client, data: bytes) -> dict[str, Any]:
    begun = client.post("/blobs/uploads/")
    assert begun.status_code == 202, begun.text
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
    assert client.put(place, content=data, headers={"Content-Type": "application/octet-stream"}).status_code == 201
    return {"digest": digest, "size": len(data)}


def _bcrypt(password: str) -> str:
    """As the system's own library makes it: Python's `crypt` goes."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    salt = b"$2b$05$" + secrets.token_hex(11).encode()
    made: bytes = library.crypt(password.encode(), salt)
    return made.decode()


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
