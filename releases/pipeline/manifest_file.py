"""Which file of a source says how it is run: deployer.yml, else convox.yml, else a Procfile, else nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from releases.clients import images
from releases.errors import BuildFailed
from releases.pipeline import convox_yml, deployer_yml


def read(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any]:
    """The manifest of the source in `folder`, checked. Raises BuildFailed, ManifestInvalid."""
    if (ours := _text(folder, deployer_yml.FILE)) is not None:
        if _is_there(folder, convox_yml.FILE):
            say(f"{convox_yml.FILE} is not read: there is a {deployer_yml.FILE}")
        return _told(deployer_yml.FILE, deployer_yml.parse(ours), say)
    if (theirs := _text(folder, convox_yml.FILE)) is not None:
        say(f"No {deployer_yml.FILE}: reading {convox_yml.FILE}")
        manifest, notes = convox_yml.parse(theirs)
        for note in notes:
            say(note)
        return _told(convox_yml.FILE, manifest, say)
    say(f"No {deployer_yml.FILE}: using the Procfile, else one service `web`, port 8080")
    return deployer_yml.without_file(images.procfile(folder) or {"web": None})


def _told(file: str, manifest: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    say(f"{file}: services {', '.join(manifest['services'])}")
    return manifest


def _is_there(folder: Path, name: str) -> bool:
    """A link is none: it might lead out of the source."""
    return not (folder / name).is_symlink() and (folder / name).exists()


def _text(folder: Path, name: str) -> str | None:
    if not _is_there(folder, name):
        return None
    try:
        return (folder / name).read_bytes()[: deployer_yml.SIZE_MAX + 1].decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildFailed(f"{name} can't be read: it is no UTF-8 text file.") from error
