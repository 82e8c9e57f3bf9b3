"""What a cluster's refusal means, in our errors."""

import json
from typing import Any

import urllib3

from releases import errors

Object = dict[str, Any]


def status_of(response: urllib3.BaseHTTPResponse) -> Object:
    """The answer's Status; unknown groups and proxies answer plain text."""
    data = response.data
    try:
        status = json.loads(data)
    except ValueError:
        status = None
    return status if isinstance(status, dict) else {"message": data.decode(errors="replace")[:500]}


def error_of(code: int, status: Object, headers: Any) -> errors.ClusterError:
    """The error of ours that an answer with this status code is."""
    message = str(status.get("message") or f"the cluster answered {code}")
    causes = (status.get("details") or {}).get("causes") or []
    if code == 404:
        return errors.NotFound(message)
    if code == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in causes):
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
            message, retry_after=float(after) if after.isdigit() else None, answered=code != 401
        )
    return errors.Refused(message)


def unavailable(url: str, error: Exception) -> errors.ClusterUnavailable:
    """The connection could not be had, or was lost."""
    reason = getattr(error, "reason", None) or error
    text = str(reason).rpartition(": ")[2] if isinstance(error, urllib3.exceptions.NewConnectionError) else str(reason)
    return errors.ClusterUnavailable(f"The cluster at {url} does not answer: {text[:300] or type(error).__name__}")
