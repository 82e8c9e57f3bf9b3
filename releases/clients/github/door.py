"""The one place where requests to GitHub go out: headers, time limits, repeats, redirects, refusals."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from releases.clients.github import answers
from releases.errors import GitHubError, GitHubUnavailable

API = "https://api.github.com"
VERSION = "2022-11-28"
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
PAUSES = (0.5, 2.0)
ANSWER_MAX = 16 * 1024**2
PAGES_MAX = 20
REDIRECTS_MAX = 3
MOVED = (301, 302, 307, 308)

TokenOf = Callable[[], str]


class Door:
    """The API at `url` (GitHub Enterprise: …/api/v3) for whom `token` speaks. Raises GitHubError, GitHubUnavailable.

    Once GitHub limits us nothing more is sent until the time that it named: who goes on asking may be shut out.
    """

    def __init__(self, token: TokenOf, *, url: str = API, pause: Callable[[float], None] = time.sleep) -> None:
        self.token, self.url, self.pause = token, url.rstrip("/"), pause
        self.limited: GitHubUnavailable | None = None

    def get(self, path: str, **parameters: str | int) -> Any:
        return self._ask("GET", path, parameters=parameters, repeatable=True)[0]

    def post(self, path: str, body: dict, *, repeatable: bool) -> Any:
        """`repeatable`: doing it twice does no harm. Else it is sent again only when it surely did not arrive."""
        return self._ask("POST", path, body=body, repeatable=repeatable)[0]

    def pages(self, path: str, key: str, **parameters: str | int) -> Iterator[dict]:
        """All that is listed under `key`, from page to page. Raises GitHubError where there are absurdly many."""
        for _ in range(PAGES_MAX):
            answer, following = self._ask("GET", path, parameters=parameters, repeatable=True)
            yield from answer[key]
            if not following:
                return
            path, parameters = following, {}  # its address has them
        raise GitHubError(f"GitHub lists more than {PAGES_MAX} pages of {key}.")

    def _ask(
        self, method: str, path: str, *, parameters: dict | None = None, body: dict | None = None, repeatable: bool
    ) -> tuple[Any, str | None]:
        """The answer, and the address of the next page."""
        self._refuse_while_limited()
        token = self.token()
        try:
            response = self._persist(method, self._address(path), parameters, body, token, repeatable)
        except GitHubUnavailable as error:
            self.limited = error if error.retry_at else None
            raise _without(token, error) from None
        except GitHubError as error:
            raise _without(token, error) from None
        following = response.links.get("next", {}).get("url")
        return _read(response), self._own(following) if following else None

    def _persist(
        self, method: str, address: str, parameters: dict | None, body: dict | None, token: str, repeatable: bool
    ) -> httpx.Response:
        """Again after troubles that pass by themselves."""
        for seconds in (*PAUSES, None):
            try:
                return self._follow(method, address, parameters, body, token)
            except GitHubUnavailable as error:
                arrived = error.status is not None or not isinstance(
                    error.__cause__, httpx.ConnectError | httpx.ConnectTimeout
                )
                if seconds is None or error.retry_at or (arrived and not repeatable):
                    raise
            self.pause(seconds)
        raise AssertionError("unreachable")

    def _follow(
        self, method: str, address: str, parameters: dict | None, body: dict | None, token: str
    ) -> httpx.Response:
        """A renamed repository's GET leads to where it is now, on the same server."""
        for _ in range(REDIRECTS_MAX):
            response = self._send(method, address, parameters, body, token)
            if response.is_success:
                return response
            location = response.headers.get("Location")
            if method != "GET" or response.status_code not in MOVED or not location:
                raise answers.error_of(response.status_code, response.headers, response.content, now=datetime.now(UTC))
            address, parameters = self._own(str(httpx.URL(address).join(location))), None
        raise GitHubError("GitHub sends us in circles.")

    def _send(
        self, method: str, address: str, parameters: dict | None, body: dict | None, token: str
    ) -> httpx.Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": VERSION,
            "User-Agent": "deployer",
        }
        try:
            with (
                httpx.Client(timeout=TIMEOUT) as client,
                client.stream(method, address, params=parameters or None, json=body, headers=headers) as response,
            ):
                content = b""
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > ANSWER_MAX:
                        raise GitHubError("GitHub's answer has no end.")
                return httpx.Response(
                    response.status_code, headers=_plain(response.headers), content=content, request=response.request
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GitHubUnavailable(f"GitHub does not answer: {error or type(error).__name__}.") from error

    def _address(self, path: str) -> str:
        return self._own(path) if "://" in path else self.url + path

    def _own(self, address: str) -> str:
        """The same, if it is of this server: nobody else gets the token."""
        there, here = httpx.URL(address), httpx.URL(self.url)
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port) or there.userinfo:
            raise GitHubError(f"GitHub leads to another server, {there.host}: not followed.")
        return address

    def _refuse_while_limited(self) -> None:
        if self.limited and self.limited.retry_at and datetime.now(UTC) < self.limited.retry_at:
            raise GitHubUnavailable(self.limited.message, status=self.limited.status, retry_at=self.limited.retry_at)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without what spoke of the encoding, which is undone."""
    return {name: value for name, value in headers.items() if name not in ("content-encoding", "content-length")}


def _read(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content) if response.content else None
    except ValueError as error:
        raise GitHubUnavailable("GitHub's answer is not JSON.", status=response.status_code) from error


def _without(token: str, error: GitHubError) -> GitHubError:
    """Whatever came back, the token is not in what is said of it."""
    error.message = error.message.replace(token, "[token]")
    error.args = (error.message,)
    return error
