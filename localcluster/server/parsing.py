"""JSON and YAML from outside: what the API server would not read is refused, and reading ends in bounded time."""

import json
import math
from typing import Any

import yaml

from localcluster.store.decode import Repeating

_MOST_NODES = 200_000
_DEEPEST = 200
_LARGEST_FLOAT_TEXT = 400


def parse_json(body: bytes) -> Any:
    """Raises ValueError, also for NaN, numbers and nesting that no object has, and for what is no UTF-8."""
    text = body.decode()
    try:
        parsed = json.loads(text, parse_constant=_refuse, parse_float=_float, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    return _repaired(parsed) if "\\ud" in text or "\\uD" in text else parsed


def _refuse(constant: str) -> None:
    raise ValueError(f"invalid character '{constant[:1]}' looking for beginning of value")


def _float(text: str) -> float:
    number = float(text) if len(text) < _LARGEST_FLOAT_TEXT else math.inf
    if not math.isfinite(number):
        raise ValueError(f"json: cannot unmarshal number {text[:40]} into Go value of type float64")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) == len(pairs):
        return parsed
    repeating = Repeating(parsed)
    seen: set[str] = set()
    repeating.repeated = tuple(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return repeating


def _repaired(value: Any) -> Any:
    """Halves of surrogate pairs, which no UTF-8 can say, become U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(part) for key, part in value.items()}
    return [_repaired(part) for part in value] if isinstance(value, list) else value


class _PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which times stay text, as in JSON."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _PlainLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(body: bytes) -> Any:
    """YAML or JSON. Raises ValueError, also for aliases: a few lines of them can mean gigabytes."""
    try:
        return parse_json(body)
    except ValueError:
        pass
    try:
        _check_size(body)
        loaded = yaml.load(body, Loader=_PlainLoader)  # noqa: S506 - it is a safe loader
        return parse_json(json.dumps(loaded, allow_nan=False).encode())
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"error converting YAML to JSON: yaml: {error}") from None


def _check_size(body: bytes) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(body, Loader=_PlainLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases are not accepted")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or count > _MOST_NODES:
            raise ValueError("document contains too much nesting or too many nodes")
