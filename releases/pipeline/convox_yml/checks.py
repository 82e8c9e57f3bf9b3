"""The ports of a service of a convox.yml, and the checks that ask them."""

from typing import Any

from releases.pipeline.convox_yml.reading import Reading

Path = tuple[Any, ...]
Section = dict[Any, Any]


def scheme(port: Any) -> str:
    """What is spoken at a port, if it is not plain HTTP."""
    spoken = ""
    if isinstance(port, dict):
        spoken = str(port.get("scheme") or "") or scheme(port.get("port"))
    elif isinstance(port, str) and ":" in port:
        spoken = port.partition(":")[0]
    return "" if spoken.lower() in ("", "http") else spoken.lower()


def port(reading: Reading, path: Path, value: Any) -> Any:
    """`3000`, `https:3000` or {port, scheme} → the number."""
    if spoken := scheme(value):
        reading.remark(path, f"requests come in plain HTTP, not in {spoken}")
    if isinstance(value, dict):
        reading.leave_rest(path, value, ("port", "scheme"))
        value = value.get("port")
    return _number(value.partition(":")[2] or value if isinstance(value, str) else value)


def ports(_reading: Reading, _path: Path, value: Any) -> Any:
    """`5001`, `5002/udp` and {port, protocol}."""
    return [_internal(entry) for entry in value] if isinstance(value, list) else value


def _internal(entry: Any) -> Any:
    if isinstance(entry, str):
        number, _, protocol = entry.partition("/")
        return {"port": _number(number), "protocol": protocol.lower() or "tcp"}
    if isinstance(entry, dict):
        lowered = {"protocol": entry["protocol"].lower()} if isinstance(entry.get("protocol"), str) else {}
        return {**entry, **lowered}
    return entry


def _number(value: Any) -> Any:
    """What is no number stays as it is, for its fault to be told."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9 else value


def health(reading: Reading, path: Path, value: Any) -> Any:
    """The path, or a section, in which grace and timeout follow the interval."""
    if not isinstance(value, dict):
        return value
    if value.get("disable"):
        reading.remark(path, "disabled, so a process counts as ready when its port is open")
        return None
    reading.leave_rest(path, value, ("path", "interval", "timeout", "grace", "disable"))
    section: Section = {key: value[key] for key in ("path", "interval", "timeout", "grace") if value.get(key)}
    if isinstance(interval := section.get("interval"), int):
        section = {"grace": interval, "timeout": max(interval - 1, 1)} | section
    return section


def liveness(reading: Reading, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    reading.leave_rest(
        path,
        value,
        ("path", "interval", "timeout", "grace", "failureThreshold", "successThreshold"),
    )
    if value.get("successThreshold", 1) != 1:
        reading.leave((*path, "successThreshold"), "a cluster allows no other than 1")
    if not value.get("path"):
        reading.leave(path, "it has no path, so nothing is asked")
        return None
    section: Section = {"interval": 5}
    section |= {key: value[key] for key in ("path", "interval", "timeout", "grace") if value.get(key)}
    if value.get("failureThreshold"):
        reading.rename(path, "failureThreshold", "failures")
        section["failures"] = value["failureThreshold"]
    return section
