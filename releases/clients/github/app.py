"""A GitHub App: signs who it is, and gets tokens for one repository of an installation at a time."""

import base64
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from releases.clients.github import bodies
from releases.clients.github.door import API, Door
from releases.errors import GitHubError

# Clocks differ: issued a minute ago, and good for less than the ten minutes that GitHub allows.
ISSUED_BEFORE, GOOD_FOR = timedelta(seconds=60), timedelta(minutes=9)
# A token is good for an hour; one that is about to end is of no use to a long fetch.
RENEWED_BEFORE = timedelta(minutes=10)

FETCHING = {"contents": "read"}
REPORTING = {"statuses": "write", "deployments": "write", "checks": "read", "contents": "read"}


class App:
    """`app_id`: its number or client ID. `private_key`: its PEM file. Raises GitHubError where that is none."""

    def __init__(
        self, app_id: str, private_key: str, *, url: str = API, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.app_id, self.key = app_id, _rsa(private_key)
        self.door = Door(lambda: jwt(self.app_id, self.key, now=datetime.now(UTC)), url=url, pause=pause)
        self.lock = threading.Lock()
        self.tokens: dict[tuple, tuple[str, datetime]] = {}

    def installation_of(self, repository: str) -> int:
        """The number of the installation that has `owner/name`. Raises GitHubError, 404 where there is none."""
        return self.door.get(f"/repos/{repository}/installation")["id"]

    def token(self, installation: int, repository: str, permissions: dict[str, str]) -> str:
        """For `owner/name` alone, with these permissions alone (FETCHING, REPORTING); good for ten minutes or more."""
        wanted = (installation, repository, tuple(sorted(permissions.items())))
        with self.lock:
            token, ends = self.tokens.get(wanted, ("", datetime.min.replace(tzinfo=UTC)))
            if ends - datetime.now(UTC) < RENEWED_BEFORE:
                token, ends = self._new_token(installation, repository, permissions)
                self.tokens[wanted] = (token, ends)
        return token

    def _new_token(self, installation: int, repository: str, permissions: dict[str, str]) -> tuple[str, datetime]:
        body = bodies.installation_token(repository.rpartition("/")[2], permissions)
        # A token too many ends by itself.
        answer = self.door.post(f"/app/installations/{installation}/access_tokens", body, repeatable=True)
        return answer["token"], datetime.fromisoformat(answer["expires_at"])


def jwt(app_id: str, key: rsa.RSAPrivateKey, *, now: datetime) -> str:
    """RFC 7519, signed with RS256, as GitHub wants it of an App."""
    claims = {
        "iat": int((now - ISSUED_BEFORE).timestamp()),
        "exp": int((now + GOOD_FOR).timestamp()),
        "iss": app_id,
    }
    signed = _encoded({"alg": "RS256", "typ": "JWT"}) + b"." + _encoded(claims)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _base64(signature)).decode()


def _encoded(part: Any) -> bytes:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _rsa(pem: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.replace("\r\n", "\n").strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise GitHubError("The App's private key is no PEM file without a passphrase, as GitHub gives it.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise GitHubError("The App's private key is no RSA key.")
    return key
