"""What somebody must have applied, to get the objects that a recording begins with."""

import functools
from typing import Any

from tests.localcluster.conformance.recording import Object, Recording, load


def as_applied(obj: Object, recording: Recording) -> Object:
    """The fields of an object that the recorder sets, in this scenario or in first-deploy."""
    bodies = [action.body for action in [*recording.actions, *load("first-deploy").actions] if action.body]
    shape = functools.reduce(_merged, (body for body in bodies if body.get("kind") == obj["kind"]))
    applied: Object = _project(obj, shape)
    return applied


def _merged(one: Any, other: Any) -> Any:
    """All fields of both; the items of a list have one shape."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = {key: _merged(one[key], other[key]) for key in one if key in other}
        return {**one, **other, **both}
    if isinstance(one, list) and isinstance(other, list):
        return [functools.reduce(_merged, [*one, *other])]
    return one


def _project(value: Any, shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _project(value[key], inner) for key, inner in shape.items() if key in value}
    if isinstance(shape, list):
        return [_project(item, functools.reduce(_merged, shape)) for item in value]
    return value
