"""What a registry's refusals mean: its own words, and a hint what to do."""

import json
import re
import ssl
from collections.abc import Mapping

from releases.errors import RegistryError

WORDS_MAX = 500
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes: code → cause.
CODES = {
    "UNAUTHORIZED": "unauthorised",
    "DENIED": "denied",
    "NAME_UNKNOWN": "not_found",
    "MANIFEST_UNKNOWN": "not_found",
    "BLOB_UPLOAD_UNKNOWN": "not_found",
    "NAME_INVALID": "name",
    "UNSUPPORTED": "unsupported",
    "TOOMANYREQUESTS": "rate_limit",
}
STATUSES = {
    401: "unauthorised",
    402: "quota",
    403: "denied",
    404: "not_found",
    405: "unsupported",
    410: "gone",
    413: "quota",
    429: "rate_limit",
    507: "quota",
}
QUOTA = re.compile(r"quota|storage limit|insufficient storage|no space left|plan limit|payment", re.IGNORECASE)
SAID = {
    "unauthorised": "does not know us",
    "denied": "refuses",
    "not_found": "has no such repository or image",
    "gone": "says that this is gone for good",
    "quota": "is full, or its plan is used up",
    "rate_limit": "has been asked too often",
    "unsupported": "does not do that",
    "name": "does not take this name",
    "server": "answers with an error of its own",
    "refused": "refuses",
}
HINTS = {
    "unauthorised": "The user name and password, or token, are missing, wrong or expired: give the registry new ones.",
    "denied": "This login may not do that there: give it the right to, or give the registry another login.",
    "not_found": "See that the path in the address is right; some registries want a repository made before the first "
    "push.",
    "gone": "Ask whoever runs it where it is now.",
    "quota": "Remove old images there, or ask whoever runs it for more room.",
    "rate_limit": "Wait a while; with a login most registries allow more.",
    "unsupported": "Deletions, say, have to be allowed in its own configuration.",
    "name": "See that the path in the address is one that it takes.",
    "server": "See to the registry, its storage and whatever is before it.",
    "refused": "See that the address is that of the registry itself.",
    "no_api": "See that the address is that of the registry itself, not of its web page or of a proxy before it.",
    "tls": "Its certificate must be valid for this host and be trusted here: SSL_CERT_FILE names whom we trust.",
    "plain": "It speaks plain HTTP. That is done on loopback only, or where REGISTRY_PLAIN_HTTP names it.",
    "dns": "Is the host in its address right? Does this machine's DNS know it?",
    "unreachable": "Does it run, and may this machine reach it? A firewall may be in between.",
    "own_network": "An administrator can allow a network in the settings (REGISTRY_NETWORKS).",
    "moved": "Give the registry the address at which it is now.",
}


def fault(server: str, cause: str, words: str = "", *, status: int = 0, passing: bool = False) -> RegistryError:
    """`words`: what was said about it, by the registry or by the system."""
    message = f"{server} {SAID.get(cause, 'can not be used')}"
    number = f" ({status})" if status else ""
    told = shortened(words)
    return RegistryError(
        f"{message}{number}: {told}" if told else f"{message}{number}.",
        cause=cause,
        hint=HINTS.get(cause, ""),
        status=status,
        passing=passing,
    )


def refusal(server: str, status: int, headers: Mapping[str, str], body: bytes) -> RegistryError:
    """Of an answer with a status that is no success."""
    errors = said(body)
    if not errors and is_page(headers):
        return no_api(server, status, "it answers with a web page")
    words = "; ".join(f"{message}" for _, message in errors) or ""
    cause = next((CODES[code] for code, _ in errors if code in CODES), "")
    by_status = STATUSES.get(status, "server" if status >= 500 else "refused")
    if QUOTA.search(words):
        cause = "quota"
    elif by_status in ("gone", "rate_limit", "quota") or not cause:
        cause = by_status
    return fault(server, cause, words, status=status, passing=cause == "rate_limit" or status >= 500)


def no_api(server: str, status: int, why: str) -> RegistryError:
    words = f"What answers at {server} is no registry ({status}): {why}."
    return RegistryError(words, cause="no_api", hint=HINTS["no_api"], status=status)


def said(body: bytes) -> list[tuple[str, str]]:
    """The (code, message) pairs of an error's JSON, as the specification has it; of a token server, too."""
    try:
        answer = json.loads(body)
    except ValueError:
        return []
    if not isinstance(answer, dict):
        return []
    errors = answer.get("errors")
    if isinstance(errors, list):
        pairs = [each for each in errors if isinstance(each, dict)]
        return [(str(each.get("code") or ""), _words(each)) for each in pairs]
    words = answer.get("details") or answer.get("error_description") or answer.get("error") or answer.get("message")
    return [("", str(words))] if words else []


def _words(error: dict) -> str:
    message, detail = str(error.get("message") or error.get("code") or ""), error.get("detail")
    return f"{message}: {detail}" if isinstance(detail, str) and detail and detail not in message else message


def is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))


def shortened(words: str) -> str:
    told = " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
    return told if len(told) <= WORDS_MAX else told[: WORDS_MAX - 1] + "…"


# --- When there is no answer ----------------------------------------------------------------------------------------


def tls_of(error: BaseException) -> ssl.SSLError | None:
    """The TLS error under what a library has wrapped around it."""
    found = under(error)
    return next((each for each in found if isinstance(each, ssl.SSLError)), None)


def under(error: BaseException) -> list[BaseException]:
    """Itself, and all that it was raised from."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def is_no_tls(error: BaseException) -> bool:
    """Whether the other side did not speak TLS at all; not: whether we don't trust it."""
    tls = tls_of(error)
    return tls is not None and (
        tls.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST") or isinstance(tls, ssl.SSLEOFError)
    )


def silence(server: str, error: Exception) -> RegistryError:
    """Of an exception of the HTTP library."""
    tls = tls_of(error)
    if tls is not None and is_no_tls(error):
        words = f"{server} does not speak TLS."
        return RegistryError(words, cause="plain", hint=HINTS["plain"])
    if tls is not None:
        why = getattr(tls, "verify_message", "") or tls.reason or "the handshake failed"
        return RegistryError(f"The certificate of {server} is not trusted: {why}.", cause="tls", hint=HINTS["tls"])
    system = next((each.strerror for each in under(error) if isinstance(each, OSError) and each.strerror), "")
    words = f"{server} can't be reached: {system or shortened(str(error)) or type(error).__name__}."
    return RegistryError(words, cause="unreachable", hint=HINTS["unreachable"], passing=True)
