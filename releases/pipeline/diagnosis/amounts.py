"""Numbers in words: times, durations, what a process asks for. Pure."""

import re
from typing import Any

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """`4 s`, `2 min 5 s`, `3 h`: the two greatest units."""
    left, parts = round(seconds), []
    for size, unit in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(items: list[str], most: int = 5) -> str:
    """`a, b and c`."""
    if len(items) > most:
        items = [*items[:most], f"{len(items) - most} more"]
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""


def cpus(amount: str) -> str:
    """`250m` → `0.25 CPU`, `1k` → `1000 CPUs`; what is no such amount stays as it is."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mkM]?)", amount)
    if not match:
        return f"{amount} CPU"
    count = float(match[1]) * {"m": 0.001, "": 1, "k": 1000, "M": 1000_000}[match[2]]
    return f"{count:.6g} {'CPU' if count <= 1 else 'CPUs'}"


def resources(container: Any, kind: str) -> dict[str, str]:
    """`requests` or `limits` of a container's spec, as the cluster wrote them."""
    found = ((container.get("resources") or {}).get(kind)) or {}
    if not isinstance(found, dict):
        return {}
    return {str(key): str(amount) for key, amount in found.items() if isinstance(amount, str | int | float)}
