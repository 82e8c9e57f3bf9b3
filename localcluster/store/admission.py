"""What a new object needs before it is stored: a name, and a namespace that takes it."""

import secrets
from collections.abc import Callable
from typing import Any

from localcluster.errors import BadRequest, Cause, Forbidden

Object = dict[str, Any]

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_STEM = 58


def suffix() -> str:
    """The five letters that end a generated name."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def generated_name(meta: Object, is_taken: Callable[[str], bool]) -> str:
    """A name that begins with `generateName`. Raises BadRequest where that is missing too."""
    stem = meta.get("generateName")
    if not stem:
        raise BadRequest("name or generateName is required")
    while True:
        name = f"{stem[:_LONGEST_STEM]}{suffix()}"
        if not is_taken(name):
            return name


def check_namespace(kind: str, meta: Object, namespace: Object) -> None:
    """Raises Forbidden when the object's namespace is being deleted."""
    if not namespace["metadata"].get("deletionTimestamp"):
        return
    name = namespace["metadata"]["name"]
    message = f"namespace {name} is being terminated"
    why = f"unable to create new content in namespace {name} because it is being terminated"
    asked = meta.get("name") or meta.get("generateName") or ""
    raise Forbidden(kind, asked, why, [Cause("NamespaceTerminating", message, "metadata.namespace")])
