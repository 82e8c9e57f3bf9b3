"""First the old process goes, then the new one comes: two can't have one volume."""

from typing import Any


def limits(service: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Recreate"}
