"""The rights that Deployer needs in a cluster, verb by verb. Pure data: `deploy/rbac.yaml` grants exactly these.

A right that is here and unused, or used and not here, fails `tests/engine/test_engine_rights.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

HINT = "Give Deployer's account in the cluster the rights of deploy/rbac.yaml: docs/kubernetes.md says how."


class Right(NamedTuple):
    """`resource` may name a subresource (`pods/log`). `everywhere`: asked of all namespaces at once, so that a Role in
    one namespace could not grant it; else of one app's namespace at a time (or of the namespace itself)."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    everywhere: bool = False


# A server-side apply of what isn't there yet needs both.
_APPLY = ("create", "patch")

RIGHTS = (
    Right("", "namespaces", ("get", "create", "delete"), "Each app lives in a namespace of its own, made for it."),
    Right("", "secrets", ("get", "list", *_APPLY, "delete"), "A release's variables; those that nothing needs go."),
    Right("", "services", ("get", "list", *_APPLY, "delete"), "How the processes of a service are reached."),
    Right("", "persistentvolumeclaims", ("get", "list", *_APPLY), "Volumes: made when missing, never deleted."),
    Right("", "pods", ("list", "watch"), "What runs, and what ails it.", everywhere=True),
    Right("", "pods", ("delete",), "A person stops one process."),
    Right("", "pods/log", ("get",), "What processes and commands write."),
    Right("", "events", ("list", "watch"), "The cluster's own words for a rollout's log.", everywhere=True),
    Right("apps", "deployments", ("list", "watch"), "How far a rollout is.", everywhere=True),
    Right("apps", "deployments", ("get", *_APPLY, "delete"), "Services and how many processes they have."),
    Right("apps", "replicasets", ("list", "watch"), "Which processes are a rollout's new ones.", everywhere=True),
    Right("batch", "jobs", ("list", "watch"), "How far a command is.", everywhere=True),
    Right("batch", "jobs", ("get", *_APPLY, "delete"), "Release commands and one-off processes."),
    Right("batch", "cronjobs", ("get", "list", *_APPLY, "delete"), "Timers."),
    Right("networking.k8s.io", "ingresses", ("get", "list", *_APPLY, "delete"), "Domains."),
    Right("autoscaling", "horizontalpodautoscalers", ("get", "list", *_APPLY, "delete"), "A scale that is a range."),
    Right(
        "policy", "poddisruptionbudgets", ("get", "list", *_APPLY, "delete"), "No drain takes more than one process."
    ),
)


class Question(NamedTuple):
    """One verb on one resource, as a SelfSubjectAccessReview asks about it."""

    verb: str
    group: str
    resource: str
    subresource: str

    @property
    def words(self) -> str:
        """`create deployments.apps`, `get pods/log`."""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}/{self.subresource}" if self.subresource else f"{self.verb} {resource}"

    @property
    def attributes(self) -> dict[str, str]:
        """The review's `spec.resourceAttributes`; no namespace: all of them."""
        given = {"verb": self.verb, "group": self.group, "resource": self.resource, "subresource": self.subresource}
        return {key: value for key, value in given.items() if value}


def questions() -> Iterator[Question]:
    """Every right, verb by verb, in the order of the table."""
    for right in RIGHTS:
        resource, _, subresource = right.resource.partition("/")
        for verb in right.verbs:
            yield Question(verb, right.group, resource, subresource)
