"""Our own errors. What a vendor's library raises is turned into one of these at the door where it came in.

`message` is for the person who caused or watches it: one sentence, no stack, no secret.
"""

from datetime import datetime


class DeployerError(Exception):
    """Anything that Deployer itself can say about what went wrong."""

    code = "error"

    def __init__(self, message: str, *, reasons: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reasons = reasons or []


class NotAllowed(DeployerError):
    """Policy refuses: `reasons` are all the reasons why not, by name and in words. `forbidden`: for want of a right."""

    code = "not_allowed"

    def __init__(self, message: str, *, reasons: list[str] | None = None, forbidden: bool = False) -> None:
        super().__init__(message, reasons=reasons)
        self.forbidden = forbidden


class WrongState(DeployerError):
    """It is not, or no longer, in the state that this takes: over already, not locked. No policy, and no harm."""

    code = "conflict"


class Invalid(DeployerError):
    """What somebody sent is wrong; nothing was done."""

    code = "invalid"


class Taken(DeployerError):
    """The name is in use."""

    code = "taken"


class KeyInUse(DeployerError):
    """A request of the same Idempotency-Key is still being carried out."""

    code = "in_progress"
    retry_after = 1

    def __init__(self, key: str) -> None:
        super().__init__(f"The request with the Idempotency-Key {key[:80]} is still being carried out: ask again.")


class KeyMismatch(DeployerError):
    """The same Idempotency-Key was given to another request."""

    code = "idempotency_mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key[:80]} was given to another request before: take a new one.")


class IllegalTransition(DeployerError):
    """A status move that the table of legal moves does not have, or that somebody else made first."""

    code = "illegal_transition"


class Stale(DeployerError):
    """Another worker has taken over: whoever gets this stops at once and writes nothing more."""

    code = "stale"


class BuildFailed(DeployerError):
    """The person's build failed: the message is for them. `faultless`: not through its source, but through how that
    came here, what it is built with or where its images go."""

    code = "build_failed"

    def __init__(self, message: str, *, reasons: list[str] | None = None, faultless: bool = False) -> None:
        super().__init__(message, reasons=reasons)
        self.faultless = faultless


class ManifestInvalid(BuildFailed):
    """deployer.yml is wrong: `reasons` has one entry per fault, with line, key and the nearest known name."""

    code = "manifest_invalid"


class SourceFailed(BuildFailed):
    """The source can't be had from its repository. `cause` names why, `hint` says what to do about it.

    `passing`: it may well succeed when tried again (the network, a server in trouble).
    """

    code = "source_failed"
    # All other causes lie with the server, the network, or who we are there.
    OF_THE_SOURCE = frozenset(
        {"empty", "huge", "malformed", "no_commit", "no_ref", "object_format", "path", "ref", "unknown"}
    )

    def __init__(self, message: str, *, cause: str, hint: str = "", passing: bool = False) -> None:
        super().__init__(message, faultless=passing or cause not in self.OF_THE_SOURCE)
        self.cause, self.hint, self.passing = cause, hint, passing


class RolloutFailed(DeployerError):
    """The rollout can't go on: why, a hint, and the last lines of what failed."""

    code = "rollout_failed"

    def __init__(
        self, message: str, *, cause: str = "refused", hint: str = "", evidence: list[str] | None = None
    ) -> None:
        super().__init__(message)
        self.cause, self.hint, self.evidence = cause, hint, evidence or []


class RunFailed(DeployerError):
    """A one-off process came to nothing. `code` says how: run_not_started, run_timed_out, run_stopped, run_failed."""

    def __init__(self, message: str, *, reasons: list[str] | None = None, code: str = "run_failed") -> None:
        super().__init__(message, reasons=reasons)
        self.code = code


class ClusterError(DeployerError):
    """The cluster said no, or nothing. `hint`: what to do about it; `status`: that of its answer, 0 without one."""

    code = "cluster_error"
    hint = ""
    status = 0


class ClusterUnavailable(ClusterError):
    """The cluster can't be reached, or answers 429 or 5xx: try again. `retry_after`: seconds, where it named them.

    `answered`: it did say so itself, 401 aside.
    """

    code = "cluster_unavailable"

    def __init__(
        self, message: str, *, retry_after: float | None = None, answered: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.retry_after, self.answered, self.hint = retry_after, answered, hint


class NotFound(ClusterError):
    """No such object in the cluster."""

    code = "not_found"


class Conflict(ClusterError):
    """Somebody changed the object meanwhile (its resourceVersion moved), or it exists already."""

    code = "conflict"


class FieldConflict(ClusterError):
    """Another field manager owns fields that we would set; the message is the cluster's, naming both."""

    code = "field_conflict"


class Refused(ClusterError):
    """The cluster refuses what was asked: 400, 403, 422. The message is its own."""

    code = "refused"


class Expired(ClusterError):
    """The watch's resourceVersion is too old (410): list again."""

    code = "expired"


class GitHubError(DeployerError):
    """GitHub says no. `status`: the status code of its answer, None where there was none."""

    code = "github_error"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class GitHubUnavailable(GitHubError):
    """GitHub can't be reached, is in trouble, or limits us: try again, not before `retry_at` where it is named."""

    code = "github_unavailable"

    def __init__(self, message: str, *, status: int | None = None, retry_at: datetime | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_at = retry_at


class RegistryError(DeployerError):
    """The registry said no, or nothing, in its own words. `cause` names why, `hint` says what to do about it; `status`
    is that of its answer, 0 without one. `passing`: it may well do it when asked again."""

    code = "registry_error"

    def __init__(self, message: str, *, cause: str, hint: str = "", status: int = 0, passing: bool = False) -> None:
        super().__init__(message)
        self.cause, self.hint, self.status, self.passing = cause, hint, status, passing
