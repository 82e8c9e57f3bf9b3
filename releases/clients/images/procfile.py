"""The Procfile: services by name and command, for a source without a manifest."""

from pathlib import Path

from releases.clients.images.source import text
from releases.errors import BuildFailed


def procfile(source: Path) -> dict[str, list[str] | None]:
    """Service → command of the Procfile, run by the shell as its users expect; {} without one. Raises BuildFailed."""
    file = source / "Procfile"
    if not file.is_file():
        return {}
    entries: dict[str, list[str] | None] = {}
    for number, line in enumerate(text(file).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, command = line.partition(":")
        if not colon or not command.strip():
            raise BuildFailed(f"Procfile line {number}: `name: command` was expected.")
        entries[name.strip()] = ["/bin/sh", "-c", "exec " + command.strip()]
    return entries
