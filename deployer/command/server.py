"""Talk to the API: one request, its answer, and what went wrong in words."""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from deployer import login_file
from deployer.command import answers
from deployer.command.failure import USAGE, Failure, Unreachable
from deployer.command.output import complain

if TYPE_CHECKING:
    import httpx

# How long a request is tried again while the server does not answer, in seconds.
PATIENCE = 3.0
# The same for a deed that may be asked for twice, at a server that was there a moment ago and may restart; and for one
# that may be under way there already: to stop asking would leave open whether it is done.
PATIENCE_WITH_KEY = 60.0
# For so long in all it waits where there were too many requests.
PATIENCE_WHEN_BUSY = 120.0
PAGE = 200
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# The server sends at least a blank line every 15 s on a stream.
STREAM_SILENCE = 45.0


class BrokenStream(Exception):
    """A stream ended in the middle."""


class Tried(NamedTuple):
    """The answer; or what is the trouble, whether the same may be asked again, and whether it may be done already."""

    response: "httpx.Response | None"
    trouble: str = ""
    again: bool = False
    may_be_done: bool = False


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
        self.has_answered = False
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

    def items(self, path: str, *, limit: int = sys.maxsize, **query: Any) -> list[dict[str, Any]]:
        """The first so many of a listing, or all, from as many of its pages as that takes."""
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            page = self.get(path, limit=min(PAGE, limit - len(found)), **query)
            found += page["items"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        return found

    def post(self, path: str, payload: dict[str, Any] | None = None, *, once: bool = False) -> Any:
        """`once`: it can be asked again when the answer was lost, as the server knows it by its key."""
        return self._request("POST", path, key=_new_key() if once else "", json=payload or {})

    def upload(self, path: str, archive: Any, **fields: str) -> Any:
        """A multipart form whose file `source` is read from `archive` as it is sent, and anew if that breaks."""
        files = {"source": ("source.tar.gz", archive, "application/gzip")}
        return self._request("POST", path, key=_new_key(), files=files, data=fields)

    def put(self, path: str, payload: dict[str, Any]) -> Any:
        return self._request("PUT", path, json=payload)

    def patch(self, path: str, payload: dict[str, Any]) -> Any:
        return self._request("PATCH", path, json=payload)

    def delete(self, path: str, **query: str) -> Any:
        return self._request("DELETE", path, params=query)

    def log(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """The lines of a log. Raises BrokenStream when the connection ends before the log does."""
        return self.stream("GET", path, params=query)

    def stream(self, method: str, path: str, **content: Any) -> Iterator[dict[str, Any]]:
        """One JSON object for each line of the answer. Raises BrokenStream when the connection ends in the middle."""
        import httpx

        timeout = httpx.Timeout(STREAM_SILENCE, connect=5)
        try:
            with self.http.stream(method, path, timeout=timeout, **content) as response:
                if response.status_code != 200:
                    response.read()
                    if answers.is_passing(response):
                        raise BrokenStream()
                    if response.status_code == 429:
                        self._wait(path, response, at_most=PATIENCE_WHEN_BUSY)
                        raise BrokenStream()
                    raise self._failure(path, response)
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
        key: str = "",
        on_trouble: Callable[[], None] | None = None,
        **content: Any,
    ) -> Any:
        if key:
            content["headers"] = {"Idempotency-Key": key}
        begun, pause, waited, told = time.monotonic(), 0.2, 0.0, False
        while True:
            tried = self._try(method, path, content, keyed=bool(key))
            response = tried.response
            if response is not None and response.status_code == 429:
                waited += self._wait(path, response, at_most=PATIENCE_WHEN_BUSY - waited)
                continue
            if response is not None:
                self.has_answered = True
                return self._answer(path, response)
            if key and (tried.may_be_done or self.has_answered):
                patience = max(patience, PATIENCE_WITH_KEY)
            if not tried.again or time.monotonic() + pause > begun + waited + patience:
                raise Unreachable(f"{self.url} can't be reached: {tried.trouble}.")
            if on_trouble:
                on_trouble()
            elif patience > PATIENCE and not told:
                complain(f"The connection to {self.url} was lost; trying again for a minute…")
                told = True
            time.sleep(pause)
            pause = min(pause * 2, 3.0)

    def _wait(self, path: str, response: "httpx.Response", *, at_most: float) -> float:
        """As long as a 429 asks for, in seconds. Raises Failure when that is longer than anybody would wait."""
        seconds = answers.wait_of(response)
        if seconds > at_most:
            raise self._failure(path, response)
        complain(f"{self.url} has had too many requests: going on in {seconds:.0f} s…")
        time.sleep(seconds)
        return seconds

    def _try(self, method: str, path: str, content: dict[str, Any], *, keyed: bool) -> Tried:
        import httpx

        safe = method == "GET" or keyed
        try:
            response = self.http.request(method, path, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Tried(None, str(error) or "no connection", again="CERTIFICATE" not in str(error))
        except httpx.TransportError as error:
            return Tried(None, str(error) or type(error).__name__, again=safe, may_be_done=True)
        said = answers.error_of(response)
        if keyed and response.status_code == 409 and said.get("code") == answers.STILL_RUNNING:
            return Tried(None, said["message"].rstrip("."), again=True, may_be_done=True)
        if answers.is_passing(response) and (safe or not answers.may_be_done(response)):
            trouble = (said.get("message") or f"it answers {response.status_code}").rstrip(".")
            return Tried(None, trouble, again=True, may_be_done=answers.may_be_done(response))
        return Tried(response)

    def _answer(self, path: str, response: "httpx.Response") -> Any:
        if not response.is_success:
            raise self._failure(path, response)
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise Unreachable(f"What answers at {self.url} is no Deployer.") from error

    def _failure(self, path: str, response: "httpx.Response") -> Failure:
        """With names that were perhaps meant, when there is no app of this name."""
        failure = answers.failure_of(self.url, response, with_token="Authorization" in self.http.headers)
        if path == "/tokens" and response.status_code == 401:
            failure.details = ()  # who is signing in is not told to
        parts = path.split("/")
        if response.status_code == 404 and len(parts) > 2 and parts[1] == "apps":
            listed = self._try("GET", "/apps", {"params": {"limit": PAGE}}, keyed=False).response
            if listed is not None and listed.is_success:
                hint = answers.near_apps(parts[2], [app["name"] for app in listed.json()["items"]])
                failure.details = (*failure.details, *filter(None, [hint]))
        return failure


def _new_key() -> str:
    """What the server tells one intended deed from another by, however often it is asked for."""
    return str(uuid.uuid4())


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Failure(f"“{url}” can't be a server's address: https://deployer.example.com was expected.", status=USAGE)
    return parts
