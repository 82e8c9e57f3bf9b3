"""What a container's program is started with: its command and its environment, by the rules of Kubernetes."""

import base64
import re
from collections.abc import Callable
from typing import Any

from localcluster.errors import NotFound
from localcluster.kubelet.downward import field_of, resource_of
from localcluster.kubelet.images import Image

Read = Callable[[str, str], dict[str, Any]]
"""Gives the object of a kind and a name in the pod's namespace. Raises NotFound."""

LONGEST = 128 * 1024
"""Bytes of one argument or variable that Linux gives to a program (execve(2), MAX_ARG_STRLEN)."""

_REFERENCE = re.compile(r"\$(?:\$|\(([^)\s]+)\))")
_NAME = re.compile(r"[-._a-zA-Z0-9]+")


class ConfigError(Exception):
    """A Secret, a ConfigMap or a key is missing, or a value is too long: CreateContainerConfigError."""


def expand(text: str, variables: dict[str, str]) -> str:
    """Replaces `$(NAME)` by its value; an unknown one stays, `$$(NAME)` gives `$(NAME)` (API reference, Container).

    Raises ConfigError for what no program could be given: a few variables that name each other can mean gigabytes.
    """
    size = len(text)

    def value(match: re.Match[str]) -> str:
        nonlocal size
        found = "$" if match[1] is None else variables.get(match[1], match[0])
        size += len(found)
        if size > LONGEST + len(text):
            raise ConfigError(f"references to variables make a value longer than {LONGEST} bytes")
        return found

    return _REFERENCE.sub(value, text)


def command(container: dict[str, Any], image: Image, variables: dict[str, str]) -> list[str]:
    """The words to run: `command` replaces the image's, `args` alone follow it, for it stands for the entrypoint."""
    own, args = container.get("command") or [], container.get("args") or []
    words = [*own, *args] if own else [*image.command, *args] if args else image.command
    return [expand(word, variables) for word in words] if own or args else list(words)


def variables(
    container: dict[str, Any], pod: dict[str, Any], read: Read, given: dict[str, str] | None = None
) -> dict[str, str]:
    """The container's own variables: `envFrom`, then `env`. Raises ConfigError.

    What is `given` stands whatever the container says of it, also where another variable refers to it.
    """
    given = given or {}
    found: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        found |= _from_object(source, read) | given
    for entry in container.get("env") or []:
        value = _value(entry, container, pod, read, found | given)
        if value is not None:
            found[entry["name"]] = value
    return found | given


def _from_object(source: dict[str, Any], read: Read) -> dict[str, str]:
    kind, key = ("Secret", "secretRef") if source.get("secretRef") else ("ConfigMap", "configMapRef")
    reference = source.get(key) or {}
    try:
        values = _values(kind, read(kind, reference.get("name", "")))
    except NotFound:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{reference.get("name", "")}" not found') from None
    prefix = source.get("prefix") or ""
    return {prefix + name: value for name, value in values.items() if _NAME.fullmatch(name)}


def _values(kind: str, obj: dict[str, Any]) -> dict[str, str]:
    data = obj.get("data") or {}
    if kind == "ConfigMap":
        return dict(data)
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}


def _value(
    entry: dict[str, Any], container: dict[str, Any], pod: dict[str, Any], read: Read, found: dict[str, str]
) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(str(entry.get("value") or ""), found)
    if source.get("fieldRef"):
        return field_of(pod, source["fieldRef"]["fieldPath"])
    if source.get("resourceFieldRef"):
        return resource_of(container, source["resourceFieldRef"])
    kind, key = ("Secret", "secretKeyRef") if source.get("secretKeyRef") else ("ConfigMap", "configMapKeyRef")
    reference = source.get(key) or {}
    name, wanted = reference.get("name", ""), reference.get("key", "")
    try:
        values = _values(kind, read(kind, name))
    except NotFound:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind.lower()} "{name}" not found') from None
    if wanted not in values and not reference.get("optional"):
        where = f"{pod['metadata']['namespace']}/{name}"
        raise ConfigError(f"couldn't find key {wanted} in {kind} {where}")
    return values.get(wanted)
