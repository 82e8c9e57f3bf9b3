"""Files of a source that nobody vouches for: nothing outside it is read."""

from pathlib import Path

from releases.errors import BuildFailed

TEXT_MAX = 1024**2


def inside(folder: Path, path: str) -> Path:
    """`path` in `folder`; links may not lead out of it either. Raises BuildFailed."""
    try:
        target = (folder / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL
        raise BuildFailed(f"build: {path!r} leads nowhere.") from error
    if not target.is_relative_to(folder.resolve()):
        raise BuildFailed(f"build: {path} leads out of the source.")
    return target


def text(file: Path) -> str:
    """Its first MiB. Raises BuildFailed."""
    try:
        return file.read_text(errors="replace")[:TEXT_MAX]
    except OSError as error:
        raise BuildFailed(f"{file.name} can't be read: {error.strerror}.") from error


def context_folder(source: Path, path: str) -> Path:
    """The folder that `build: <path>` names. Raises BuildFailed."""
    folder = inside(source, path)
    if not folder.is_dir():
        raise BuildFailed(f"build: {path}: there is no such folder in the source.")
    return folder
