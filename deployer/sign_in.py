"""Who vouches for people that sign in: settings of the environment, in the words of django-allauth."""

import re
from typing import Any
from urllib.parse import urlsplit

from deployer.reader import Reader

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def providers(env: Reader) -> tuple[dict[str, str], dict[str, Any]]:
    """The name that people know each one by, by its ID in our addresses; and what allauth wants to know of them."""
    names, told = {}, {}
    if found := _github(env):
        names["github"], told["github"] = "GitHub", found
    if found := _openid_connect(env):
        names["oidc"], told["openid_connect"] = found["APPS"][0]["name"], found
    return names, told


def guests(env: Reader) -> tuple[list[str], str]:
    """The domains of e-mail addresses that are let in unasked, in small letters, and the role that these people get."""
    domains = [word.lower().removeprefix("@") for word in env.words("SIGN_IN_DOMAINS")]
    if not all(DOMAIN.fullmatch(domain) for domain in domains):
        env.wrong("SIGN_IN_DOMAINS", "has what is no domain", example="example.com,example.org")
        domains = []
    role = env.text(
        "SIGN_IN_ROLE",
        "viewer",
        fits=lambda value: value in ("viewer", "deployer"),
        expected="viewer or deployer",
        example="viewer",
    )
    return domains, role


def _github(env: Reader) -> dict[str, Any]:
    identifier, secret = env.text("SIGN_IN_GITHUB_ID"), env.text("SIGN_IN_GITHUB_SECRET", secret=True)
    url = _address(env, "SIGN_IN_GITHUB_URL", "https://github.com", "https://github.example.com")
    if not _whole(env, {"SIGN_IN_GITHUB_ID": identifier, "SIGN_IN_GITHUB_SECRET": secret}):
        return {}
    app = {"client_id": identifier, "secret": secret}
    told = {"APPS": [app], "OAUTH_PKCE_ENABLED": True, "SCOPE": ["read:user", "user:email"]}
    return told if url == "https://github.com" else told | {"GITHUB_URL": url}


def _openid_connect(env: Reader) -> dict[str, Any]:
    url = _address(env, "SIGN_IN_OIDC_URL", "", "https://login.example.com/realms/acme")
    identifier, secret = env.text("SIGN_IN_OIDC_ID"), env.text("SIGN_IN_OIDC_SECRET", secret=True)
    name = env.text("SIGN_IN_OIDC_NAME", "OpenID Connect")[:40]
    given = {"SIGN_IN_OIDC_URL": url, "SIGN_IN_OIDC_ID": identifier, "SIGN_IN_OIDC_SECRET": secret}
    if not _whole(env, given):
        return {}
    app = {
        "provider_id": "oidc",
        "name": name,
        "client_id": identifier,
        "secret": secret,
        "settings": {"server_url": url},
    }
    return {"APPS": [app], "OAUTH_PKCE_ENABLED": True}


def _whole(env: Reader, given: dict[str, str]) -> bool:
    """All of them, or none; some are told as faults."""
    missing = [name for name, value in given.items() if not value]
    for name in missing if len(missing) < len(given) else []:
        env.wrong(name, "is missing: the others of its kind are set", example="…")
    return not missing


def _address(env: Reader, name: str, default: str, example: str) -> str:
    """What comes from there is believed, as nobody between us and it can have changed it."""

    def fits(value: str) -> bool:
        try:
            parts = urlsplit(value)
            plain = parts.scheme == "http" and parts.hostname in LOOPBACK
            return bool(parts.hostname) and (parts.scheme == "https" or plain)
        except ValueError:
            return False

    return env.text(name, default, fits=fits, expected="an address that begins with https://", example=example).rstrip(
        "/"
    )
