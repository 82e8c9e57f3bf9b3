"""A manifest as text again: a `deployer.yml` that says the same, without what it says nothing about."""

from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def text(manifest: dict[str, Any]) -> str:
    """Of a manifest as `parse` gives it, which gives it again from this text."""
    services = {name: _section(service) for name, service in manifest["services"].items()}
    target, yaml = StringIO(), YAML()
    yaml.width = 120
    yaml.dump(_section(manifest) | {"services": services}, target)
    return target.getvalue()


def _section(section: dict[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in section.items() if value is not None and value != [] and value != {}}
    if "environment" in said:
        pairs = said["environment"].items()
        said["environment"] = [name if value is None else f"{name}={value}" for name, value in pairs]
    if "scale" in said:
        said["scale"] = _scale(said["scale"])
    return said


def _scale(scale: dict[str, Any]) -> dict[str, Any]:
    """What is stored as two numbers is written as a range."""
    rest = {key: value for key, value in scale.items() if key not in ("count", "max", "targets")}
    if not scale["max"]:
        return {"count": scale["count"], **rest}
    targets = {key: value for key, value in scale["targets"].items() if value is not None}
    return {"count": f"{scale['count']}-{scale['max']}", "targets": targets, **rest}
