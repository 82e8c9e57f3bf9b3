"""Talk to the API: one request, its answer, and what went wrong in words."""

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from deployer import login_file
from deployer.command.failure import FAILED, REFUSED, USAGE, Failure, Unreachable

if TYPE_CHECKING:
    import httpx

# How long a request is tried again while the server does not answer, in seconds.
PATIENCE = 3.0
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# The server sends at least a blank line every 15 s on a stream.
STREAM_SILENCE = 45.0


class BrokenStream(Exception):
    """A log's stream ended in the middle."""


def connect() -> "Server":
    """The server that DEPLOYER_URL and DEPLOYER_TOKEN name, else the one of the last login."""
    url, token = os.environ.get("DEPLOYER_URL"), os.environ.get("DEPLOYER_TOKEN")
    if url and token:
        return Server(url, token)
    login = login_file.read().find(url)
    if login is None:
        where = f"There is no login for {url}" if url else "No server is known"
        raise Failure(f"{where}: run `deployer login URL`.", status=USAGE)
    return Server(login.url, token or login.token)


class Server:
    """Every method gives the JSON of the answer, and raises Failure for any other than 2xx."""

    def __init__(self, url: str, token: str = "") -> None:
        import httpx

        self.url = login_file.plain_url(url)
        parts = _split(self.url)
        if not token.isascii() or not token.isprintable():
            raise Failure("That can't be a token.", status=USAGE)
        try:
            self.http = httpx.Client(
                base_url=self.url + "/api",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=httpx.Timeout(60, connect=5),
                follow_redirects=False,  # a redirect could carry the token to another host
                trust_env=parts.hostname not in LOOPBACK,  # no proxy stands before this machine itself
            )
        except (httpx.InvalidURL, ValueError, OSError) as error:
            raise Failure(f"{self.url} can't be reached: {error}.", status=USAGE) from error

    def get(
        self, path: str, *, patience: float = PATIENCE, on_trouble: Callable[[], None] | None = None, **query: Any
    ) -> Any:
        return self._request("GET", path, patience=patience, on_trouble=on_trouble, params=query)

    def post(self, path: str, payload: dict[str, Any] | None = None) -> Any:
        return self._request("POST", path, json=payload or {})

    def upload(self, path: str, archive: Any, **fields: str) -> Any:
        """A multipart form whose file `source` is read from `archive` as it is sent."""
        files = {"source": ("source.tar.gz", archive, "application/gzip")}
        return self._request("POST", path, files=files, data=fields)

    def put(self, path: str, payload: dict[str, Any]) -> Any:
        return self._request("PUT", path, json=payload)

    def patch(self, path: str, payload: dict[str, Any]) -> Any:
        return self._request("PATCH", path, json=payload)

    def delete(self, path: str, **query: str) -> Any:
        return self._request("DELETE", path, params=query)

    def log(self, path: str, *, after: int, follow: bool) -> Iterator[dict[str, Any]]:
        """The lines after that number. Raises BrokenStream when the connection ends before the log does."""
        import httpx

        query = {"after": after, "follow": "true" if follow else "false"}
        timeout = httpx.Timeout(STREAM_SILENCE, connect=5)
        try:
            with self.http.stream("GET", path, params=query, timeout=timeout) as response:
                if response.status_code != 200:
                    response.read()
                    if _is_passing(response):
                        raise BrokenStream()
                    raise self._failure(response)
                for line in response.iter_lines():
                    if line.strip():
                        yield json.loads(line)
        except (httpx.TransportError, httpx.StreamError, ValueError) as error:
            raise BrokenStream() from error

    def _request(
        self,
        method: str,
        path: str,
        *,
        patience: float = PATIENCE,
        on_trouble: Callable[[], None] | None = None,
        **content: Any,
    ) -> Any:
        deadline, pause = time.monotonic() + patience, 0.2
        while True:
            response, trouble, again = self._try(method, path, content)
            if response is not None:
                return self._answer(response)
            if not again or time.monotonic() + pause > deadline:
                raise Unreachable(f"{self.url} can't be reached: {trouble}.")
            if on_trouble:
                on_trouble()
            time.sleep(pause)
            pause = min(pause * 2, 3.0)

    def _try(self, method: str, path: str, content: dict[str, Any]) -> tuple["httpx.Response | None", str, bool]:
        """The answer; or what is the trouble, and whether the same may be asked again without being done twice."""
        import httpx

        try:
            response = self.http.request(method, path, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return None, str(error) or "no connection", "CERTIFICATE" not in str(error)
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__, method == "GET"
        if _is_passing(response) and (method == "GET" or not _may_be_done(response)):
            trouble = _error_of(response).get("message") or f"it answers {response.status_code}"
            return None, trouble.rstrip("."), method == "GET" or response.status_code == 503
        return response, "", False

    def _answer(self, response: "httpx.Response") -> Any:
        if not response.is_success:
            raise self._failure(response)
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise Unreachable(f"What answers at {self.url} is no Deployer.") from error

    def _failure(self, response: "httpx.Response") -> Failure:
        if response.is_redirect:
            target = response.headers.get("Location", "elsewhere")[:200]
            return Unreachable(f"{self.url} sends us on to {target}: log in there, if you trust it.")
        error = _error_of(response)
        if not error:
            return Unreachable(f"What answers at {self.url} is no Deployer: it says {response.status_code}.")
        if response.status_code == 401:
            return Failure(f"{self.url}: {error['message']}", f"Sign in with `deployer login {self.url}`.")
        status = REFUSED if error["code"] == "not_allowed" else FAILED
        return Failure(
            error["message"], *(reason for reason in error["reasons"] if reason != error["message"]), status=status
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Failure(f"“{url}” can't be a server's address: https://deployer.example.com was expected.", status=USAGE)
    return parts


def _is_passing(response: "httpx.Response") -> bool:
    """Busy, restarting, or a proxy that does not find it: worth another try. A cluster that is away is an answer."""
    if response.status_code in (502, 504):
        return True
    return response.status_code == 503 and _error_of(response).get("code") in (None, "busy", "database_away")


def _may_be_done(response: "httpx.Response") -> bool:
    """The database may have been lost behind the deed."""
    return _error_of(response).get("code") == "database_away"


def _error_of(response: "httpx.Response") -> dict[str, Any]:
    """What is under `error`; empty when the answer does not have our form."""
    try:
        error = response.json()["error"]
        return {
            "code": str(error["code"]),
            "message": str(error["message"]),
            "reasons": list(map(str, error["reasons"])),
        }
    except (ValueError, KeyError, TypeError):
        return {}
