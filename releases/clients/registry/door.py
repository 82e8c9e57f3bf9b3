"""The one place where requests to a registry go out: who may be asked, who we are, what may be answered."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from releases.clients.git.address import PRIVATE, Address, Network, look_up
from releases.clients.git.address import Policy as Networks
from releases.clients.images.plan import Login
from releases.clients.registry import answers, challenge
from releases.clients.registry.where import Where, parse
from releases.errors import RegistryError, SourceFailed

ANSWER_MAX = 4 * 1024**2
TIMEOUT = httpx.Timeout(15.0, connect=5.0)
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Policy:
    """`networks`: those that may be asked though they are not public. `plain`: `host[:port]` that may speak HTTP
    without TLS; loopback always may."""

    networks: tuple[Network, ...] = PRIVATE
    plain: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    """`headers` by names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Door:
    """To the registry at `address`. Every method raises RegistryError, with no credential in it."""

    address: str
    login: Login | None = None
    policy: Policy = field(default_factory=Policy)
    _scheme: str = ""
    _authorized: dict[str, str] = field(default_factory=dict)
    _trusted: ssl.SSLContext | None = None

    @property
    def where(self) -> Where:
        return parse(self.address)

    @property
    def scheme(self) -> str:
        """https; http where that is allowed and no TLS is spoken. Found out by a question that carries no secret."""
        if not self._scheme:
            self._scheme = self._found_scheme()
        return self._scheme

    def ask(self, method: str, path: str, *, scope: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        """`path` as the registry names it, of this server alone; `scope` as the token specification has it
        (`repository:team/shop:pull,push`). Answers that are no success are given, not raised, but for 401."""
        url = self._own(path)
        answer = self._send(method, url, dict(headers or {}) | self._authorization(scope))
        if answer.status == 401:
            self._authorized[scope] = self._introduced(answer, scope)
            answer = self._send(method, url, dict(headers or {}) | self._authorization(scope))
        if 300 <= answer.status < 400:
            raise self._moved(answer)
        if answer.status == 401:
            raise self.refusal(answer)
        return answer

    def refusal(self, answer: Answer) -> RegistryError:
        return self._clean(answers.refusal(self.where.server, answer.status, answer.headers, answer.body))

    # --- Who we are -------------------------------------------------------------------------------------------------

    def _authorization(self, scope: str) -> dict[str, str]:
        known = self._authorized.get(scope)
        return {"Authorization": known} if known else {}

    def _introduced(self, answer: Answer, scope: str) -> str:
        """The header that answers the registry's challenge."""
        asked = challenge.parse(answer.headers.get("www-authenticate", ""))
        if asked is None or (asked.kind == "basic" and self.login is None):
            raise self.refusal(answer)
        if asked.kind == "basic":
            return challenge.basic(self.login) if self.login else ""
        self._refuse_exposure(asked.realm)
        headers = {"Authorization": challenge.basic(self.login)} if self.login else {}
        given = self._send("GET", asked.url(scope), headers)
        if not given.succeeded:
            raise self._clean(answers.refusal(_server(asked.realm), given.status, given.headers, given.body))
        token = challenge.token(given.body)
        if not token:
            raise answers.no_api(_server(asked.realm), given.status, "it gives no token")
        return f"Bearer {token}"

    def _refuse_exposure(self, realm: str) -> None:
        """A password goes to whom the registry names for it, but never without TLS where the registry has TLS."""
        scheme = urlsplit(realm).scheme
        if scheme not in ("https", "http") or (scheme == "http" and self.scheme == "https"):
            words = f"{self.where.server} sends us to {_server(realm)} for a token, without TLS: not followed."
            raise RegistryError(words, cause="plain", hint=answers.HINTS["plain"])

    # --- One request ------------------------------------------------------------------------------------------------

    def _found_scheme(self) -> str:
        may_be_plain = self.where.is_loopback or bool({self.where.server, self.where.host} & self.policy.plain)
        try:
            self._exchange("GET", f"https://{self.where.server}/v2/", {})
        except httpx.HTTPError as error:
            if may_be_plain and answers.is_no_tls(error):
                return "http"
            raise answers.silence(self.where.server, error) from error
        return "https"

    def _send(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        try:
            return self._exchange(method, url, headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._clean(answers.silence(_server(url), error)) from None

    def _exchange(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or PORTS[parts.scheme]
        found = self._looked_up(parts.scheme, host, port)
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "deployer", "Accept": "*/*"} | headers
        # Held to the addresses that were found allowed: a name may lead elsewhere the next time.
        targets = [httpx.URL(url).copy_with(host=str(address)) for address in found] or [httpx.URL(url)]
        extensions = {"sni_hostname": host} if found else {}
        with httpx.Client(timeout=TIMEOUT, verify=self._trust(parts.scheme), trust_env=not found) as client:
            for number, target in enumerate(targets, start=1):
                try:
                    with client.stream(method, target, headers=headers, extensions=extensions) as response:
                        return Answer(response.status_code, response.headers, self._read(response))
                except httpx.ConnectError:
                    if number == len(targets):
                        raise
        raise AssertionError("unreachable")

    def _trust(self, scheme: str) -> ssl.SSLContext | bool:
        """Whom the system trusts, or SSL_CERT_FILE names. Reading that takes its time."""
        if scheme == "http":
            return False
        self._trusted = self._trusted or ssl.create_default_context()
        return self._trusted

    def _looked_up(self, scheme: str, host: str, port: int) -> tuple:
        """The addresses of the host; none where a proxy looks it up. Raises RegistryError."""
        try:
            return look_up(Address("", scheme, host, port), Networks(networks=self.policy.networks)).found
        except SourceFailed as error:
            raise RegistryError(
                error.message, cause=error.cause, hint=answers.HINTS.get(error.cause, ""), passing=error.passing
            ) from error

    def _read(self, response: httpx.Response) -> bytes:
        content = b""
        for piece in response.iter_bytes():
            content += piece
            if len(content) > ANSWER_MAX:
                raise answers.no_api(self.where.server, response.status_code, "its answer has no end")
        return content

    def _own(self, path: str) -> str:
        """Its URL, if it is of this server: nobody else gets what we are known by."""
        origin = f"{self.scheme}://{self.where.server}"
        url = httpx.URL(origin).join(path)
        here = httpx.URL(origin)
        if (url.scheme, url.host, url.port) != (here.scheme, here.host, here.port) or url.userinfo:
            raise RegistryError(
                f"{self.where.server} leads to another server, {url.host}: not followed.",
                cause="moved",
                hint=answers.HINTS["moved"],
            )
        return str(url)

    def _moved(self, answer: Answer) -> RegistryError:
        there = urlsplit(answer.headers.get("location", "")).hostname or "another address"
        words = f"{self.where.server} leads to {answers.shortened(there)} ({answer.status}): not followed."
        return RegistryError(words, cause="moved", hint=answers.HINTS["moved"], status=answer.status)

    def _clean(self, error: RegistryError) -> RegistryError:
        """Whatever came back, what we are known by is not in what is said of it."""
        secrets = [header.partition(" ")[2] for header in self._authorized.values()]
        if self.login:
            secrets += [challenge.basic(self.login).partition(" ")[2], self.login.password]
        for secret in filter(None, secrets):
            error.message = error.message.replace(secret, "[secret]")
        error.args = (error.message,)
        return error


def _server(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
