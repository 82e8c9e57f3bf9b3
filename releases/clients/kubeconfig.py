"""A kubeconfig that somebody gave us: hostile until it is read.

Only what it takes to speak to one API server is kept: an https address, its certificate authority, a token or a client
certificate, all of them inline. What would have us run a program, read a file or trust anybody is refused.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from cryptography import x509

from releases.clients.kubeconfig_values import (
    as_base64,
    certificates_in,
    checked_host,
    checked_server,
    checked_token,
    key_in,
    text_of,
)
from releases.errors import Invalid as Invalid

MAX_BYTES = 256 * 1024
DEPTH_MAX = 20
NAMES_SHOWN = 10
# Every scalar stays text: no dates, no huge numbers, no merged keys.
LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

INLINE = "give its content inline, as {}-data (`kubectl config view --raw --flatten` does)"
REFUSED = {
    "exec": "it would run a program on Deployer's server: use the token of a service account",
    "auth-provider": "it would run a login flow on Deployer's server: use the token of a service account",
    "certificate-authority": INLINE.format("certificate-authority"),
    "client-certificate": INLINE.format("client-certificate"),
    "client-key": INLINE.format("client-key"),
    "tokenFile": "it names a file of Deployer's server: give the token itself",
    "token-file": "it names a file of Deployer's server: give the token itself",
    "username": "Kubernetes knows no passwords since 1.19: use the token of a service account",
    "password": "Kubernetes knows no passwords since 1.19: use the token of a service account",
    "proxy-url": "Deployer speaks to clusters directly",
    "insecure-skip-tls-verify": "the token would go to whoever answers: give certificate-authority-data instead",
}
CLUSTER_KEYS = {"server", "certificate-authority-data", "tls-server-name"}
USER_KEYS = {"token", "client-certificate-data", "client-key-data"}
HARMLESS = {"extensions", "disable-compression"}


@dataclass(frozen=True)
class Credentials:
    """PEM texts, not base64; "" for what is not given."""

    server: str
    certificate_authority: str = ""
    tls_server_name: str = ""
    token: str = field(default="", repr=False)
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)

    def expires(self) -> datetime | None:
        """When the client certificate ends."""
        if not self.client_certificate:
            return None
        return x509.load_pem_x509_certificate(self.client_certificate.encode()).not_valid_after_utc


def read(text: str, context: str = "") -> Credentials:
    """What one context of it says; `context` may be blank when there is one only. Raises Invalid, saying all faults.

    No message repeats what it holds, names of contexts and keys aside.
    """
    document = _document(text)
    chosen = _context(document, context)
    cluster = _entry(document, "clusters", "cluster", text_of(chosen, "cluster"))
    user = _entry(document, "users", "user", text_of(chosen, "user"))
    if faults := _unwanted(cluster, CLUSTER_KEYS) + _unwanted(user, USER_KEYS):
        if len(faults) == 1:
            raise Invalid(f"The kubeconfig can't be used: {faults[0]}.")
        raise Invalid("The kubeconfig can't be used.", reasons=[f"{fault}." for fault in faults])
    credentials = Credentials(
        server=checked_server(text_of(cluster, "server")),
        certificate_authority=certificates_in(cluster, "certificate-authority-data"),
        tls_server_name=checked_host(text_of(cluster, "tls-server-name")),
        token=checked_token(text_of(user, "token")),
        client_certificate=certificates_in(user, "client-certificate-data"),
        client_key=key_in(user, "client-key-data"),
    )
    if bool(credentials.client_certificate) != bool(credentials.client_key):
        raise Invalid("The kubeconfig's client-certificate-data and client-key-data go together: one is missing.")
    if not (credentials.token or credentials.client_certificate):
        raise Invalid("The kubeconfig's user has neither a token nor a client certificate.")
    return credentials


def extract(text: str, context: str = "") -> str:
    """A kubeconfig of that one context, with nothing in it but what `read` keeps. Raises Invalid."""
    credentials = read(text, context)
    cluster = {
        "server": credentials.server,
        "certificate-authority-data": as_base64(credentials.certificate_authority),
        "tls-server-name": credentials.tls_server_name,
    }
    user = {
        "token": credentials.token,
        "client-certificate-data": as_base64(credentials.client_certificate),
        "client-key-data": as_base64(credentials.client_key),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {key: value for key, value in cluster.items() if value}}],
        "users": [{"name": "deployer", "user": {key: value for key, value in user.items() if value}}],
        "contexts": [{"name": "deployer", "context": {"cluster": "cluster", "user": "deployer"}}],
        "current-context": "deployer",
    }
    return json.dumps(document)


# --- The document ---------------------------------------------------------------------------------------------------


def _document(text: str) -> dict:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise Invalid(f"The kubeconfig is larger than {MAX_BYTES // 1024} KiB.")
    if not text.strip():
        raise Invalid("The kubeconfig is empty.")
    try:
        _measure(text)
        document = yaml.load(text, Loader=LOADER)  # noqa: S506 - makes nothing but dicts, lists and texts
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise Invalid(f"The kubeconfig is not YAML{line}.") from None  # the error itself quotes the text
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Invalid("The kubeconfig is not YAML.") from None
    if not isinstance(document, dict):
        raise Invalid("The kubeconfig is not one: it has no clusters, users and contexts.")
    return document


def _measure(text: str) -> None:
    """Before anything is built of it. Raises Invalid."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise Invalid("The kubeconfig uses YAML aliases, which no kubeconfig needs.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > DEPTH_MAX:
            raise Invalid(f"The kubeconfig is nested more than {DEPTH_MAX} deep.")
        if documents > 1:
            raise Invalid("The kubeconfig has more than one YAML document.")


def _context(document: dict, wanted: str) -> dict:
    names = [text_of(entry, "name") for entry in _entries(document, "contexts")]
    if not names:
        raise Invalid("The kubeconfig has no contexts.")
    choices = f"Choose a context: {_listed(names)}."
    if not wanted:
        wanted = text_of(document, "current-context")
        if not wanted:
            raise Invalid(f"The kubeconfig names no current context. {choices}", reasons=[choices])
        if len(names) > 1:
            raise Invalid(f"The kubeconfig has {len(names)} contexts. {choices}", reasons=[choices])
    if wanted not in names:
        raise Invalid(f"The kubeconfig has no context “{wanted[:60]}”. {choices}", reasons=[choices])
    return _entry(document, "contexts", "context", wanted)


def _entry(document: dict, plural: str, singular: str, name: str) -> dict:
    for entry in _entries(document, plural):
        if text_of(entry, "name") == name and isinstance(entry.get(singular), dict):
            return entry[singular]
    raise Invalid(f"The kubeconfig's context names the {singular} “{name[:60]}”, which it does not have.")


def _entries(document: dict, plural: str) -> list[dict]:
    listed = document.get(plural)
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _unwanted(given: dict, known: set[str]) -> list[str]:
    faults = []
    for key, value in given.items():
        if key in known or key in HARMLESS or value in ("", "false"):
            continue
        faults.append(f"{str(key)[:60]}: {REFUSED.get(key, 'a key that Deployer does not know')}")
    return faults


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:NAMES_SHOWN])
    return f"{shown} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown
