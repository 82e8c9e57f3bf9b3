"""A small server that speaks as much of GitHub's documented REST API as Deployer uses, and minds every request's shape.

A request that the documentation does not have, or has otherwise, is answered 400 and kept in `faults`; the fixture of
whoever starts one asserts that there are none.
"""

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.ports import free_port

COMMIT = re.compile(r"[0-9a-f]{40}")
URL = re.compile(r"https?://\S+")
STATUS_STATES = {"error", "failure", "pending", "success"}
DEPLOYMENT_STATES = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
ANSWER = dict[str, Any]


def text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= longest


def matching(pattern: re.Pattern) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


# Field → (must be there, what it may be), of the bodies that are documented.
STATUS = {
    "state": (True, lambda value: value in STATUS_STATES),
    "target_url": (False, matching(URL)),
    "description": (False, text(140)),
    "context": (False, text(255)),
}
DEPLOYMENT = {
    "ref": (True, text(255)),
    "task": (False, text(128)),
    "auto_merge": (False, is_bool),
    "required_contexts": (False, texts),
    "payload": (False, lambda value: isinstance(value, dict | str)),
    "environment": (False, text(255)),
    "description": (False, text(140)),
    "transient_environment": (False, is_bool),
    "production_environment": (False, is_bool),
}
DEPLOYMENT_STATUS = {
    "state": (True, lambda value: value in DEPLOYMENT_STATES),
    "log_url": (False, matching(URL)),
    "description": (False, text(140)),
    "environment": (False, text(255)),
    "environment_url": (False, matching(URL)),
    "auto_inactive": (False, is_bool),
}
ACCESS_TOKEN = {
    "repositories": (False, texts),
    "permissions": (False, lambda value: isinstance(value, dict) and set(value.values()) <= {"read", "write"}),
}


@dataclass
class Request:
    """One that came: `token` is what was said in Authorization, `body` what was sent."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any


@dataclass
class Trouble:
    """How the next requests that match are answered instead; `times` of them."""

    status: int
    headers: dict[str, str]
    body: Any
    times: int
    method: str = ""


@dataclass
class StandIn:
    """`requests`: all that came; `faults`: what was wrong with them. Tests fill in what the repository has."""

    port: int
    name: str = "ada/engine"
    number: int = 4711
    tokens: set[str] = field(default_factory=lambda: {"ghp_personal"})
    app_id: str = "123"
    installation: int = 77
    public_key: rsa.RSAPublicKey | None = None
    token_minutes: float = 60
    former_names: set[str] = field(default_factory=set)
    heads: dict[str, str] = field(default_factory=dict)
    page: int = 100
    statuses: dict[str, list[ANSWER]] = field(default_factory=dict)
    suites: dict[str, list[ANSWER]] = field(default_factory=dict)
    runs: dict[str, list[ANSWER]] = field(default_factory=dict)
    deployments: list[ANSWER] = field(default_factory=list)
    deployment_statuses: dict[int, list[ANSWER]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    redirect: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def trouble(self, status: int, *, headers: dict | None = None, body: Any = None, times: int = 1) -> None:
        """`status` 0: the connection is closed without an answer."""
        self.troubles.append(Trouble(status, headers or {}, body or {"message": "Trouble"}, times))

    def run(self, commit: str, name: str, conclusion: str | None = "success", status: str = "completed") -> None:
        self.runs.setdefault(commit, []).append({"name": name, "status": status, "conclusion": conclusion})

    def sent(self, method: str) -> list[tuple[str, Any]]:
        """(path, body) of the requests of this method."""
        return [(request.path, request.body) for request in self.requests if request.method == method]


class Wrong(Exception):
    """The request is not as documented."""


@contextlib.contextmanager
def standing_in(**given: Any) -> Iterator[StandIn]:
    stand_in = StandIn(free_port(), **given)
    http = ThreadingHTTPServer(("127.0.0.1", stand_in.port), _handler(stand_in))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield stand_in
    http.shutdown()
    http.server_close()


def app_key() -> tuple[str, rsa.RSAPublicKey]:
    """A private key as GitHub gives it, and its public half for the stand-in."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return pem.decode(), key.public_key()


class _Answer:
    """One request, from its checks to what is answered."""

    def __init__(self, stand_in: StandIn, request: Request) -> None:
        self.stand_in, self.request = stand_in, request

    def give(self) -> tuple[int, Any, dict[str, str]]:
        for method, pattern, answer in self.ROUTES:
            found = re.fullmatch(pattern, self.request.path)
            if found and method == self.request.method:
                return answer(self, **{name: unquote(value) for name, value in found.groupdict().items()})
        raise Wrong(f"{self.request.method} {self.request.path} is not documented")

    # Who asks, and for which repository

    def _as_app(self) -> bool:
        """Whether the JWT is as GitHub wants it: RS256, ours, issued in the past, good for at most ten minutes."""
        try:
            head, claims, signature = self.request.token.split(".")
            assert self.stand_in.public_key
            self.stand_in.public_key.verify(
                _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (ValueError, InvalidSignature):
            return False
        said, now = json.loads(_decoded(claims)), time.time()
        if json.loads(_decoded(head)) != {"alg": "RS256", "typ": "JWT"} or set(said) != {"iat", "exp", "iss"}:
            raise Wrong("the JWT's header or claims are others than documented")
        if not (said["iat"] <= now and now < said["exp"] <= now + 600):
            raise Wrong("the JWT's times are not as documented")
        return said["iss"] == self.stand_in.app_id

    def _stranger(self, repository: str) -> tuple[int, Any, dict[str, str]] | None:
        """The answer to who may not see it, or asks for a name that it had before."""
        if self.request.token not in self.stand_in.tokens:
            return 401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, {}
        if repository in self.stand_in.former_names:
            rest = self.request.path.removeprefix(f"/repos/{repository}")
            host = self.stand_in.redirect or self.stand_in.url
            location = f"{host}/repositories/{self.stand_in.number}{rest}"
            status = 301 if self.request.method == "GET" else 307
            return status, {"message": "Moved Permanently", "url": location}, {"Location": location}
        if repository not in (self.stand_in.name, f"#{self.stand_in.number}"):
            return 404, {"message": "Not Found"}, {}
        return None

    # Apps

    def find_installation(self, repository: str):
        if not self._as_app():
            return 401, {"message": "A JSON web token could not be decoded"}, {}
        if repository != self.stand_in.name:
            return 404, {"message": "Not Found"}, {}
        return 200, {"id": self.stand_in.installation, "app_id": self.stand_in.app_id}, {}

    def access_token(self, installation: str):
        if not self._as_app():
            return 401, {"message": "A JSON web token could not be decoded"}, {}
        if int(installation) != self.stand_in.installation:
            return 404, {"message": "Not Found"}, {}
        body = self._body(ACCESS_TOKEN)
        if body.get("repositories") != [self.stand_in.name.rpartition("/")[2]]:
            return 422, {"message": "There is at least one repository that does not exist"}, {}
        token = f"ghs_installation{len(self.stand_in.tokens)}"
        self.stand_in.tokens.add(token)
        ends = datetime.now(UTC) + timedelta(minutes=self.stand_in.token_minutes)
        return 201, {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), **body}, {}

    # Repositories and checks

    def about(self, repository: str = "", number: str = ""):
        return self._stranger(repository or f"#{number}") or (
            200,
            {
                "id": self.stand_in.number,
                "full_name": self.stand_in.name,
                "default_branch": "main",
                "private": True,
                "clone_url": f"https://github.com/{self.stand_in.name}.git",
            },
            {},
        )

    def head(self, repository: str, branch: str):
        stranger = self._stranger(repository)
        if stranger or branch not in self.stand_in.heads:
            return stranger or (404, {"message": "Not Found"}, {})
        return (
            200,
            {"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": self.stand_in.heads[branch]}},
            {},
        )

    def combined_status(self, repository: str, commit: str):
        return self._stranger(repository) or self._page("statuses", self.stand_in.statuses.get(commit, []))

    def check_suites(self, repository: str, commit: str):
        return self._stranger(repository) or self._page("check_suites", self.stand_in.suites.get(commit, []))

    def check_runs(self, repository: str, commit: str):
        return self._stranger(repository) or self._page("check_runs", self.stand_in.runs.get(commit, []))

    def _page(self, key: str, all_of_them: list):
        page, size = int(self.request.query.get("page", 1)), int(self.request.query.get("per_page", 30))
        if not 1 <= size <= 100:
            raise Wrong("per_page is at most 100")
        size = min(size, self.stand_in.page)
        following = f'<{self.stand_in.url}{self.request.path}?per_page={size}&page={page + 1}>; rel="next"'
        headers = {"Link": following} if page * size < len(all_of_them) else {}
        return 200, {"total_count": len(all_of_them), key: all_of_them[(page - 1) * size : page * size]}, headers

    # What we tell

    def create_status(self, repository: str, commit: str):
        body = self._body(STATUS)
        return self._stranger(repository) or (201, {"id": 1, "context": "default", **body}, {})

    def create_deployment(self, repository: str):
        body = self._body(DEPLOYMENT)
        if stranger := self._stranger(repository):
            return stranger
        made = {"id": len(self.stand_in.deployments) + 1, "task": "deploy", "environment": "production", **body}
        self.stand_in.deployments.append({**made, "sha": body["ref"]})
        return 201, self.stand_in.deployments[-1], {}

    def list_deployments(self, repository: str):
        asked = {key: self.request.query[key] for key in ("sha", "environment", "task") if key in self.request.query}
        found = [each for each in self.stand_in.deployments if asked.items() <= each.items()]
        return self._stranger(repository) or (200, found[::-1], {})

    def create_deployment_status(self, repository: str, deployment: str):
        body = self._body(DEPLOYMENT_STATUS)
        if stranger := self._stranger(repository):
            return stranger
        if int(deployment) > len(self.stand_in.deployments):
            return 404, {"message": "Not Found"}, {}
        self.stand_in.deployment_statuses.setdefault(int(deployment), []).append(body)
        return 201, {"id": 1, **body}, {}

    def _body(self, fields: dict) -> dict:
        body = self.request.body
        if not isinstance(body, dict):
            raise Wrong("the body is no JSON object")
        for name, (required, is_right) in fields.items():
            if name not in body:
                if required:
                    raise Wrong(f"{name} is missing")
            elif not is_right(body[name]):
                raise Wrong(f"{name} is not as documented: {body[name]!r}")
        if unknown := set(body) - set(fields):
            raise Wrong(f"{', '.join(sorted(unknown))}: not documented")
        return body

    REPOSITORY = r"/repos/(?P<repository>[^/]+/[^/]+)"
    ROUTES = [
        ("GET", REPOSITORY + "/installation", find_installation),
        ("POST", r"/app/installations/(?P<installation>\d+)/access_tokens", access_token),
        ("GET", REPOSITORY, about),
        ("GET", r"/repositories/(?P<number>\d+)", about),
        ("GET", REPOSITORY + r"/git/ref/heads/(?P<branch>.+)", head),
        ("GET", REPOSITORY + r"/commits/(?P<commit>[0-9a-f]{40})/status", combined_status),
        ("GET", REPOSITORY + r"/commits/(?P<commit>[0-9a-f]{40})/check-suites", check_suites),
        ("GET", REPOSITORY + r"/commits/(?P<commit>[0-9a-f]{40})/check-runs", check_runs),
        ("POST", REPOSITORY + r"/statuses/(?P<commit>[0-9a-f]{40})", create_status),
        ("POST", REPOSITORY + r"/deployments", create_deployment),
        ("GET", REPOSITORY + r"/deployments", list_deployments),
        ("POST", REPOSITORY + r"/deployments/(?P<deployment>\d+)/statuses", create_deployment_status),
    ]


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = None
            try:
                request = self._request(data)
                stand_in.requests.append(request)
                if trouble := self._trouble():
                    if not trouble.status:
                        self.close_connection = True
                        return
                    self._end(trouble.status, trouble.body, trouble.headers)
                else:
                    self._end(*_Answer(stand_in, request).give())
            except Wrong as wrong:
                stand_in.faults.append(f"{self.command} {self.path}: {wrong}")
                self._end(400, {"message": f"Problems parsing JSON: {wrong}"}, {})

        def _request(self, data: bytes) -> Request:
            expected = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
            for name, value in expected.items():
                if self.headers.get(name) != value:
                    raise Wrong(f"{name} is {self.headers.get(name)!r}")
            if not self.headers.get("User-Agent"):
                raise Wrong("a User-Agent is required")
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            if kind != "Bearer" or not token:
                raise Wrong("Authorization is no Bearer")
            if data and self.headers.get("Content-Type") != "application/json":
                raise Wrong("the body is not said to be JSON")
            parts = urlsplit(self.path)
            body = json.loads(data) if data else None
            return Request(self.command, parts.path, dict(parse_qsl(parts.query)), token, body)

        def _trouble(self) -> Trouble | None:
            if not stand_in.troubles:
                return None
            trouble = stand_in.troubles[0]
            trouble.times -= 1
            if trouble.times <= 0:
                stand_in.troubles.pop(0)
            return trouble

        def _end(self, status: int, body: Any, headers: dict[str, str]) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            sent = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content)), **headers}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
