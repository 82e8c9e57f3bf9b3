"""A Docker Engine's API through the official SDK, made so that a request can be cut, and its errors are ours."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import requests
import urllib3
from docker.auth import AuthConfig
from docker.errors import APIError, DockerException
from docker.types.daemon import CancellableStream
from docker.utils import kwargs_from_env

from releases.clients.images.plan import Login
from releases.errors import BuildFailed

# Seconds for a plain answer. Builds have no limit but their own deadline, and pushes may be silent for long.
ANSWER_SECONDS = 60
PUSH_SILENCE_SECONDS = 600
FOREIGN = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)


@dataclass(frozen=True)
class EngineAddress:
    """`host` as in DOCKER_HOST: `unix:///var/run/docker.sock`, `tcp://host:2376`. `certificates`: DOCKER_CERT_PATH."""

    host: str
    certificates: str = ""

    def environment(self) -> dict[str, str]:
        """For Docker's own programs, and for the SDK."""
        tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": self.certificates} if self.certificates else {}
        return {"DOCKER_HOST": self.host, **tls}


class EngineGone(BuildFailed):
    """The engine can't be reached, or went away in the middle."""


class Refusal(Exception):
    """The engine answered, and said no: `words` are its own."""

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.words, self.status = words, status


class Engine(docker.APIClient):
    """One connection for one piece of work. It never uses the logins in the `.docker` folder of whoever runs us."""

    def __init__(self, address: EngineAddress, logins: Mapping[str, Login] | None = None) -> None:
        self.address = address
        self._open: list[requests.Response] = []
        self._cut = threading.Event()
        with ours(address):
            super().__init__(version="auto", timeout=ANSWER_SECONDS, **kwargs_from_env(address.environment()))
        self._auth_configs = AuthConfig({"auths": {}})
        self._logins = {name: auth_config(login) for name, login in (logins or {}).items()}

    def _set_auth_headers(self, headers: dict[str, str]) -> None:
        """For base images. The SDK's own would read the person's files again whenever it knows no login."""
        if self._logins:
            by_host = {name.partition("/")[0]: login for name, login in self._logins.items()}
            headers["X-Registry-Config"] = docker.auth.encode_header(by_host)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = super().send(request, **options)
        if options.get("stream"):
            self._open.append(response)
            if self._cut.is_set():
                self.cut()
        return response

    def cut(self) -> None:
        """From another thread: hang up at once. An engine stops a build whose client has hung up; closing a session
        does not hang up while somebody reads from it."""
        self._cut.set()
        for response in self._open:
            try:
                CancellableStream(iter(()), response).close()
            except (AttributeError, ValueError, *FOREIGN):
                continue  # it is closed already


def auth_config(login: Login | None) -> dict[str, str]:
    """What the SDK takes for one call; {} for nobody."""
    return {"username": login.username, "password": login.password} if login else {}


@contextmanager
def ours(address: EngineAddress) -> Iterator[None]:
    """Turns what the SDK and what is under it raise into EngineGone or Refusal."""
    try:
        yield
    except APIError as error:
        raise Refusal(str(error.explanation or error), error.status_code or 0) from error
    except FOREIGN as error:
        raise gone(address, _root(error)) from error


def _root(error: BaseException) -> str:
    """What the system said, under all that libraries wrap around it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return "" if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) else str(error)


def gone(address: EngineAddress, words: str) -> EngineGone:
    message = f"The Docker Engine at {address.host} can't be reached, or went away: {words or 'it hung up'}."
    hint = "Hint: DOCKER_HOST says where it is; does it run, and may Deployer's user use it?"
    return EngineGone(message, reasons=[message, hint], faultless=True)


def problem(address: EngineAddress) -> str:
    """Why the engine can't be used, in words; "" if it can. Takes moments."""
    if not address.host:
        return "no Docker Engine is configured (DOCKER_HOST)"
    try:
        Engine(address).close()
    except EngineGone as error:
        return error.message
    except Refusal as refusal:
        return f"the Docker Engine at {address.host} refuses: {refusal.words}"
    return ""
