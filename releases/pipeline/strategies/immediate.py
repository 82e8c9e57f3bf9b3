"""All at once: the old processes go while the new ones come."""

from typing import Any


def limits(service: dict[str, Any]) -> dict[str, Any]:
    surge = f"{service['deployment']['maximum'] - 100}%"
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": "100%"}}
