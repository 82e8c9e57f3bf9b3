"""What a cluster's refusal means, in our errors."""

import json
import re
import ssl
from typing import Any

import urllib3

from releases import errors

Object = dict[str, Any]
ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


def status_of(response: urllib3.BaseHTTPResponse, *, hidden: str = "") -> Object:
    """The answer's Status; unknown groups and proxies answer plain text. An echo of `hidden` is struck out."""
    text = response.data.decode(errors="replace")
    if hidden:
        text = text.replace(hidden, "[token]")
    try:
        status = json.loads(text)
    except (ValueError, RecursionError):
        status = None
    return status if isinstance(status, dict) else {"message": text[:500]}


def error_of(code: int, status: Object, headers: Any) -> errors.ClusterError:
    """The error of ours that an answer with this status code is."""
    error = _error_of(code, status, headers)
    error.status = code
    return error


def _error_of(code: int, status: Object, headers: Any) -> errors.ClusterError:
    message = str(status.get("message") or f"the cluster answered {code}")
    if code == 404:
        return errors.NotFound(message)
    if code == 409 and "FieldManagerConflict" in _reasons(status):
        return errors.FieldConflict(message)
    if code == 409:
        return errors.Conflict(message)
    if code == 410:
        return errors.Expired(message)
    # A server-side apply with an unknown field or a wrong type answers 500: asking again is no use. A token that is
    # refused may be one that is being renewed.
    hopeless = code == 500 and "typed patch object" in message
    if code in (401, 429) or (code >= 500 and not hopeless):
        after = headers.get("Retry-After", "")
        return errors.ClusterUnavailable(
            message, retry_after=float(after) if after.isdecimal() and len(after) < 10 else None, answered=code != 401
        )
    return errors.Refused(message)


def _reasons(status: Object) -> set[str]:
    """Of its causes; an answer may hold anything in their place."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    listed = causes if isinstance(causes, list) else []
    return {str(cause.get("reason")) for cause in listed if isinstance(cause, dict)}


def unavailable(url: str, error: Exception) -> errors.ClusterUnavailable:
    """The connection could not be had, or was lost."""
    reason = getattr(error, "reason", None)
    reason = reason if isinstance(reason, Exception) else error
    if isinstance(reason, urllib3.exceptions.SSLError):
        reason = next((arg for arg in reason.args if isinstance(arg, Exception)), reason)
    message = f"The cluster at {url} does not answer: {_words(reason)[:300] or type(error).__name__}"
    return errors.ClusterUnavailable(message, hint=_hint(reason))


def _words(reason: Exception) -> str:
    """Without what differs from one time to the next, such as an object's address."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return "its name can't be resolved"
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return ERROR_NUMBER.sub("", str(reason).rpartition(": ")[2])
    if isinstance(reason, urllib3.exceptions.ConnectTimeoutError):
        return "no connection was made in time"
    return str(reason)


def no_kubernetes(url: str) -> errors.ClusterUnavailable:
    """Something answered, in no way that Kubernetes does."""
    return errors.ClusterUnavailable(
        f"What answers at {url} is no Kubernetes API.",
        hint="See that the address is the API server's own: a proxy's sign-in page or another service answers there.",
    )


def _hint(reason: Exception) -> str:
    """What to do about a connection that failed. The numbers are OpenSSL's X509_V_ERR_*."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CERTIFICATE_HINTS.get(reason.verify_code, OTHER_CERTIFICATE)
    return next((hint for kind, hint in CONNECTION_HINTS if isinstance(reason, kind)), "")


OTHER_CERTIFICATE = (
    "The server's certificate is not of the authority in the kubeconfig: take certificate-authority-data from the "
    "cluster anew, and see that nothing on the way opens the connection."
)
CERTIFICATE_HINTS = {
    9: "The server's certificate is not valid yet: see that the clocks are right.",
    10: "The server's certificate has expired: renew the cluster's certificates (kubeadm certs renew).",
    62: "The server's certificate is for another name: use one of its names, or give tls-server-name.",
    64: "The server's certificate is for another address: use one of its names, or give tls-server-name.",
}
CONNECTION_HINTS: tuple[tuple[type[Exception], str], ...] = (
    (urllib3.exceptions.NameResolutionError, "See that the address has no slip of the pen, and that DNS works here."),
    (urllib3.exceptions.NewConnectionError, "See that the API server runs, and that address and port are right."),
    (urllib3.exceptions.ConnectTimeoutError, "See that a route and the firewalls lead from here to the API server."),
    (urllib3.exceptions.ReadTimeoutError, "It takes connections but does not answer: see to the API server itself."),
    (ssl.SSLError, "No TLS could be spoken: see that the address and port are those of the API server."),
    (urllib3.exceptions.ProtocolError, "It ends the connection at once: see to the API server, or what is before it."),
)
