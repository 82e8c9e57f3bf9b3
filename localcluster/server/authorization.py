"""What is said to those who have no token: a real API server lets in strangers, who then may do nothing."""

from localcluster.errors import Refused, StatusError

ANONYMOUS = "system:anonymous"

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


def forbidden(method: str, parts: list[str], *, watch: bool, path: str) -> StatusError:
    """403 for a stranger's request, which names what was asked (`errors.jsonl`, 403-anonymous)."""
    named = _resource_parts(parts)
    if named is None:
        return Refused(f'forbidden: User "{ANONYMOUS}" cannot {method.lower()} path "{path}"')
    group, rest = named
    namespace, rest = (rest[1], rest[2:]) if rest[0] == "namespaces" and len(rest) > 2 else ("", rest)
    resource, name, subresource = [*rest, "", ""][:3]
    if resource == "namespaces":
        namespace = name
    verb = _verb(method, name, watch=watch)
    full = f"{resource}.{group}" if group else resource
    asked = f"{resource}/{subresource}" if subresource else resource
    shown = f'{full} "{name}"' if name else full
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = (
        f'{shown} is forbidden: User "{ANONYMOUS}" cannot {verb} resource "{asked}" in API group "{group}" {where}'
    )
    details = {"name": name, "group": group, "kind": resource}
    return StatusError(403, "Forbidden", message, {key: value for key, value in details.items() if value})


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
