"""Refusals, as the API server words them: each becomes a `Status` body (Kubernetes API conventions, "Response
Status Kind")."""

from dataclasses import dataclass
from typing import Any

from localcluster.store.resources import KINDS, Kind


@dataclass(frozen=True)
class Cause:
    """One fault of an object: `field` is a path such as `spec.template.spec.containers[0].name`."""

    reason: str
    message: str
    field: str

    def body(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class StatusError(Exception):
    """A request that is refused. `reason` may be empty, as with the API server's own 500."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The `Status` object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _details(kind: str, name: str, *, by_kind: bool = False) -> dict[str, Any]:
    """`details` of a message about an object: kind is the plural, or the kind itself in some messages."""
    found: Kind = KINDS[kind]
    details = {"name": name, "group": found.group, "kind": found.kind if by_kind else found.plural}
    return {key: value for key, value in details.items() if value}


class NotFound(StatusError):
    """404; kind is the name of a kind: `NotFound("Pod", "web-1")`."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(404, "NotFound", f'{KINDS[kind].resource} "{name}" not found', _details(kind, name))


class NoSuchResource(StatusError):
    """404: the address names no resource."""

    def __init__(self) -> None:
        super().__init__(404, "NotFound", "the server could not find the requested resource", {})


class AlreadyExists(StatusError):
    """409: the name is taken."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(409, "AlreadyExists", f'{KINDS[kind].resource} "{name}" already exists', _details(kind, name))


class Conflict(StatusError):
    """409: the object has changed since it was read (resourceVersion)."""

    def __init__(self, kind: str, name: str) -> None:
        message = (
            f'Operation cannot be fulfilled on {KINDS[kind].resource} "{name}": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        super().__init__(409, "Conflict", message, _details(kind, name))


class PreconditionFailed(StatusError):
    """409: a precondition of a delete (`UID` or `ResourceVersion`) does not hold."""

    def __init__(self, kind: str, name: str, what: str, wanted: str, found: str) -> None:
        message = (
            f'Operation cannot be fulfilled on {KINDS[kind].qualified} "{name}": the {what} in the precondition '
            f"({wanted}) does not match the {what} in record ({found}). "
            "The object might have been deleted and then recreated"
        )
        if what == "ResourceVersion":
            message = message.replace("been deleted and then recreated", "been modified")
        super().__init__(409, "Conflict", message, _details(kind, name, by_kind=True))


class Forbidden(StatusError):
    """403 for an object, and why: `pods "p" is forbidden: exceeded quota: …`."""

    def __init__(self, kind: str, name: str, why: str, causes: list[Cause] | None = None) -> None:
        details = _details(kind, name)
        if causes:
            details["causes"] = [cause.body() for cause in causes]
        super().__init__(403, "Forbidden", f'{KINDS[kind].resource} "{name}" is forbidden: {why}', details)


class Refused(StatusError):
    """403 for a request as a whole: a foreign Host, a browser's Origin."""

    def __init__(self, message: str) -> None:
        super().__init__(403, "Forbidden", message, {})


class Invalid(StatusError):
    """422: the object breaks rules, all of which are named."""

    def __init__(self, kind: str, name: str, causes: list[Cause]) -> None:
        faults = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
        listed = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        details = _details(kind, name, by_kind=True)
        details["causes"] = [cause.body() for cause in causes]
        super().__init__(422, "Invalid", f'{KINDS[kind].qualified} "{name}" is invalid: {listed}', details)


class BadRequest(StatusError):
    """400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


class Unauthorized(StatusError):
    """401."""

    def __init__(self) -> None:
        super().__init__(401, "Unauthorized", "Unauthorized")


class MethodNotAllowed(StatusError):
    """405."""

    def __init__(self) -> None:
        message = "the server does not allow this method on the requested resource"
        super().__init__(405, "MethodNotAllowed", message, {})


class Expired(StatusError):
    """410: a resourceVersion or a continue token that is too old."""

    def __init__(self, message: str) -> None:
        super().__init__(410, "Expired", message)


class TooLarge(StatusError):
    """413: a body above the limit."""

    def __init__(self, limit: int, unit: str = "") -> None:
        message = f"Request entity too large: limit is {limit} {unit}".rstrip()
        super().__init__(413, "RequestEntityTooLarge", message, {})


class FutureVersion(StatusError):
    """504: a list at a resourceVersion that has not been reached."""

    def __init__(self, wanted: int, current: int) -> None:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        message = f"Timeout: Too large resource version: {wanted}, current: {current}"
        super().__init__(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1}, {"Retry-After": "1"})


class InternalError(StatusError):
    """500 without a reason, as the API server answers it to a server-side apply that does not fit the schema."""

    def __init__(self, message: str) -> None:
        super().__init__(500, "", message)
