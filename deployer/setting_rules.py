"""What single settings must be, beyond their kind. Each rule reads, notes what is wrong, and gives a value to go on."""

import difflib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from cryptography.fernet import Fernet
from django.http.request import validate_host

from deployer.reader import Reader, unwritable

LOOPBACK = ("127.0.0.1", "localhost")
RANDOM_TEXT = "$(python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"
RANDOM_KEY = "$(python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')"
# Django's own measure (`manage.py check --deploy`, security.W009).
SECRET_KEY_LEAST, SECRET_KEY_VARIETY = 50, 5
DATABASES = ("postgresql", "postgres", "sqlite")
COOKIE_NAME = re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII)
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")

# What the `deployer` command reads, and what Deployer gives to the processes that it runs: one may run another.
OF_OTHERS = {"DEPLOYER_TOKEN", "DEPLOYER_APP", "DEPLOYER_SERVICE", "DEPLOYER_RELEASE", "DEPLOYER_BUILD"}
# `make up` keeps it in its file, as a part of REDIS_URL.
OF_MAKE_UP = {"REDIS_PASSWORD"}
# Kubernetes tells each pod about the Service objects of its namespace, one named `deployer` among them.
OF_KUBERNETES = re.compile(
    r"\w+_SERVICE_HOST|\w+_SERVICE_PORT(_\w+)?|\w+_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?"
)
PREFIX = "DEPLOYER_"
ALIKE, NEARLY = 0.6, 0.85  # of 1: the same


def secret_key(env: Reader, *, strict: bool, default: str) -> str:
    """`strict`: one that could be guessed is wrong."""
    name = "SECRET_KEY"
    key = env.text(name, default)
    simple = len(key) < SECRET_KEY_LEAST or len(set(key)) < SECRET_KEY_VARIETY or key.startswith("django-insecure-")
    if not key:
        env.wrong(name, "is missing: what signs sessions and links", example=RANDOM_TEXT, secret=True)
    elif strict and simple:
        words = f"can be guessed: it takes {SECRET_KEY_LEAST} random characters or more"
        env.wrong(name, words, example=RANDOM_TEXT, secret=True)
    return key


def encryption_keys(env: Reader, *, default: list[str]) -> list[str]:
    name = "ENCRYPTION_KEYS"
    keys = env.words(name, default)
    if not keys:
        env.wrong(name, "is missing: what encrypts variables in the database", example=RANDOM_KEY, secret=True)
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            words = f"has a key that is none, number {number}: 32 random bytes in URL-safe base64, 44 characters"
            env.wrong(name, words, example=RANDOM_KEY, secret=True)
            return []
    return keys


def database(env: Reader, *, default: Path) -> dict[str, Any]:
    """As Django's DATABASES has it."""
    name, example = "DATABASE_URL", "postgresql://deployer:PASSWORD@db.example.com:5432/deployer"
    url = env.text(name, f"sqlite:///{quote(str(default))}", secret=True)
    fallback: dict[str, Any] = environ.Env.db_url_config("sqlite://:memory:")
    scheme = url.partition(":")[0]
    if scheme not in DATABASES:
        env.wrong(name, f"does not begin with {', '.join(DATABASES[:-1])} or sqlite", example=example, secret=True)
        return fallback
    try:
        found: dict[str, Any] = environ.Env.db_url_config(url)
    except Exception:  # the parser is made for those that are right, and fails in many ways
        env.wrong(name, "can't be read as an address", example=example, secret=True)
        return fallback
    if not found["NAME"]:
        env.wrong(name, "names no database", example=example, secret=True)
    elif scheme == "sqlite" and found["NAME"] != ":memory:":
        folder = Path(found["NAME"]).absolute().parent
        if problem := unwritable(folder):
            env.wrong(name, f"is in a folder that can't be written to: {problem}", example=example, secret=True)
    return found


def redis(env: Reader) -> str:
    name, example = "REDIS_URL", "redis://:PASSWORD@redis.example.com:6379/0"

    def fits(value: str) -> bool:
        try:
            parts = urlsplit(value)
            place = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False
        numbered = parts.scheme == "unix" or not parts.path.strip("/") or parts.path.strip("/").isdigit()
        return parts.scheme in ("redis", "rediss", "unix") and place and numbered

    expected = "an address that begins with redis://, rediss:// or unix://"
    return env.text(name, "redis://127.0.0.1:6379/0", fits=fits, expected=expected, example=example, secret=True)


def own_url(env: Reader) -> str:
    """Scheme, host and port: Deployer has a host of its own."""
    name, example = "DEPLOYER_URL", "https://deployer.example.com"
    url = env.url(name, "http://127.0.0.1:8000", schemes=("http", "https"), example=example)
    parts = urlsplit(url)
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        env.wrong(name, "has more than a scheme, a host and a port", example=example, secret=True)
        return f"{parts.scheme}://{parts.hostname}"
    return url


def allowed_hosts(env: Reader, *, url: str, strict: bool) -> list[str]:
    """Those that a request may name as its host; by default the one of `url`, and this machine's own."""
    name, own = "ALLOWED_HOSTS", urlsplit(url).hostname or LOOPBACK[0]
    host = f"[{own}]" if ":" in own else own
    hosts = env.words(name, dict.fromkeys([host, *LOOPBACK]))
    if not hosts:
        env.wrong(name, "names no host", example=host)
    elif "*" in hosts and strict:
        env.wrong(name, "lets requests name any host, which makes sign-in links that lead elsewhere", example=host)
    elif strange := [each for each in hosts if each != "*" and not HOST.fullmatch(each)]:
        env.wrong(name, f"has {strange[0]!r}, which is no host name (no scheme, no port)", example=host)
    elif not validate_host(host, hosts):
        env.wrong(name, f"lacks {host}, the host of DEPLOYER_URL", example=",".join([host, *hosts]))
    return hosts


def trusted_origins(env: Reader, *, url: str) -> list[str]:
    """Whose pages may send forms: our own `url`, as a proxy before us may hide that it is HTTPS, and those given."""
    name = "CSRF_TRUSTED_ORIGINS"
    origins = env.words(name)
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            env.wrong(name, f"has {origin!r}, which is no origin", example="https://deployer.example.com")
            return []
    return list(dict.fromkeys([*([url] if url.startswith("https://") else []), *origins]))


def cookie_name(env: Reader, name: str, default: str) -> str:
    def fits(value: str) -> bool:
        return bool(COOKIE_NAME.fullmatch(value))

    return env.text(name, default, fits=fits, expected="a name for a cookie", example=default)


def heartbeats(env: Reader) -> tuple[float, float]:
    """How often a worker shows that it lives, and after how long without that it counts as dead. Seconds."""
    often, old = env.number("HEARTBEAT_SECONDS", 1.0), env.number("HEARTBEAT_OLD_SECONDS", 8.0)
    if old <= often:
        words = f"is not longer than HEARTBEAT_SECONDS ({often:g}): every worker would count as dead"
        env.wrong("HEARTBEAT_OLD_SECONDS", words, example=f"{often * 8:g}")
    return often, old


def transports(env: Reader) -> frozenset[str]:
    """How Git may be spoken to."""
    name, known = "GIT_TRANSPORTS", ("https", "ssh", "http", "git", "file")
    asked = [word.lower() for word in env.words(name, known[:2])]
    if strange := [word for word in asked if word not in known]:
        env.wrong(name, f"has {strange[0]!r}; there are {', '.join(known)}", example=",".join(known[:2]))
    return frozenset(asked) & frozenset(known)


# RFC 1918 and RFC 4193, and this machine itself.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
OWN = ("127.0.0.0/8", "::1/128")


def networks(
    env: Reader, name: str, default: tuple[str, ...]
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Those that may be asked although they are not public."""
    found = []
    for word in env.words(name, default):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError:
            env.wrong(name, f"has {word!r}, which is no network", example="10.0.0.0/8,127.0.0.1/32")
    return tuple(found)


def unknown(env: Reader, environment: Mapping[str, str], file: Mapping[str, str]) -> None:
    """Names that look like settings and are none: a slip would else change nothing, and say nothing."""
    known = {_stem(name): name for name in sorted(env.names)}
    for name in sorted(environment.keys() | file.keys()):
        ours = name.startswith(PREFIX) and not OF_KUBERNETES.fullmatch(name)
        near = difflib.get_close_matches(_stem(name), known, n=1, cutoff=ALIKE if ours else NEARLY)
        if name in env.names | OF_OTHERS or not (ours or (near and name in file)):
            continue
        place = f" ({env.places[name]})" if name in env.places else ""
        meant = f" Is {known[near[0]]} meant?" if near else ""
        env.faults.append(f"{name}{place} is no setting.{meant}")


def _stem(name: str) -> str:
    """Without what most of our names have in common."""
    return name.removeprefix(PREFIX)
