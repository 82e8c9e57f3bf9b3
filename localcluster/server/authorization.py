"""What a request asks for, as a right: a verb on a resource; and what is said to those who don't have it.

Strangers, who have no token, are let in by a real API server and then may do nothing.
"""

from dataclasses import dataclass

from localcluster.errors import Refused, StatusError
from localcluster.store.resources import KINDS

ANONYMOUS = "system:anonymous"

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True)
class Attributes:
    """Of a request for a resource (k8s.io/apiserver, `RequestInfo`). The core group is ""; no namespace: all, or none;
    a namespace itself is in itself."""

    verb: str
    group: str
    namespace: str
    resource: str
    subresource: str
    name: str

    @property
    def full_resource(self) -> str:
        """As a role's rule names it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes(method: str, parts: list[str], *, watch: bool) -> Attributes | None:
    """None for an address that is no resource's."""
    named = _resource_parts(parts)
    if named is None:
        return None
    group, rest = named
    inside = len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in KINDS["Namespace"].subresources
    namespace, rest = (rest[1], rest[2:]) if inside else ("", rest)
    resource, name, subresource = [*rest, "", ""][:3]
    if resource == "namespaces":
        namespace = name
    return Attributes(_verb(method, name, watch=watch), group, namespace, resource, subresource, name)


def refusal(user: str, asked: Attributes) -> StatusError:
    """403 for want of a right (`errors.jsonl`, 403-sa-… and 403-anonymous)."""
    full = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    shown = f'{full} "{asked.name}"' if asked.name else full
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    right = f'{asked.verb} resource "{asked.full_resource}" in API group "{asked.group}"'
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    return StatusError(
        403,
        "Forbidden",
        f'{shown} is forbidden: User "{user}" cannot {right} {where}',
        {key: value for key, value in details.items() if value},
    )


def forbidden(method: str, parts: list[str], *, watch: bool, path: str) -> StatusError:
    """For a stranger's request."""
    asked = attributes(method, parts, watch=watch)
    if asked is None:
        return Refused(f'forbidden: User "{ANONYMOUS}" cannot {method.lower()} path "{path}"')
    return refusal(ANONYMOUS, asked)


def _resource_parts(parts: list[str]) -> tuple[str, list[str]] | None:
    """The group, and what follows the version; None for an address that is no resource's."""
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[3:]
    return None


def _verb(method: str, name: str, *, watch: bool) -> str:
    if method == "GET":
        return "get" if name else "watch" if watch else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())
