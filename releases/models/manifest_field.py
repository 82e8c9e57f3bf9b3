"""A manifest as it is stored: plain data, in which everything that the format knows is there when it is read."""

import copy
from typing import Any

from django.db import models

# What came to the format after manifests had been stored, with the meaning of leaving it out.
LATER: dict[str, Any] = {"timers": {}}
LATER_IN_A_SERVICE: dict[str, Any] = {"initContainer": None, "ports": [], "volumes": [], "tls": None}
LATER_IN_SCALE: dict[str, Any] = {"max": None, "targets": None}


class ManifestField(models.JSONField):
    """Older releases and builds are read as if they had been made today; what they have, stays as it is."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return complete(super().from_db_value(value, expression, connection))

    def deconstruct(self) -> Any:
        """For the database it is a JSONField: reading is all that differs."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


def complete(stored: Any) -> Any:
    """`stored` with what it lacks; anything that is no manifest as it is."""
    if not isinstance(stored, dict) or not isinstance(stored.get("services"), dict):
        return stored
    services = {name: _with(service, LATER_IN_A_SERVICE) for name, service in stored["services"].items()}
    for service in services.values():
        if "scale" in service:
            service["scale"] = _with(service["scale"], LATER_IN_SCALE)
    return _with({**stored, "services": services}, LATER)


def _with(section: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    return {**section, **{key: copy.copy(value) for key, value in later.items() if key not in section}}
