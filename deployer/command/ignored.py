"""What of a folder is not packed: the rules of .dockerignore and of .gitignore."""

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deployer.command.failure import Failure
from deployer.command.git import git

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class Rules(Protocol):
    """Names are paths below the folder, with slashes, without one at the end."""

    def leaves_out(self, name: str, *, is_folder: bool) -> bool: ...

    def may_return(self, name: str) -> bool:
        """Whether something in a folder that is left out may be packed all the same."""


class DockerIgnore:
    def __init__(self, folder: Path) -> None:
        try:
            text = (folder / ".dockerignore").read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            text = ""
        except UnicodeDecodeError as error:
            raise Failure(f"{folder / '.dockerignore'} is not UTF-8 text.") from error
        lines = [line.strip() for line in text.splitlines()]
        self._patterns = [line for line in lines if line and not line.startswith("#")]
        self._some_return = any(pattern.startswith("!") for pattern in self._patterns)
        if self._patterns:
            from docker.utils.build import PatternMatcher

            self._matches = PatternMatcher(self._patterns).matches

    def leaves_out(self, name: str, *, is_folder: bool) -> bool:
        return bool(self._patterns) and self._matches(name)

    def may_return(self, name: str) -> bool:
        return self._some_return


class GitIgnore:
    """As git has it (gitignore(5)): each folder's own file, the deepest first, those above the folder in its
    repository, and its info/exclude. What is tracked is packed whatever they say.
    """

    def __init__(self, folder: Path) -> None:
        top = git(folder, "rev-parse", "--show-toplevel")
        self._top = Path(top) if top else folder
        inner = os.path.relpath(folder.resolve(), self._top.resolve()) if top else "."
        self._inner = "" if inner == "." else inner.replace(os.sep, "/")
        self._left_out: set[str] = set()
        self._specs: dict[str, GitIgnoreSpec | None] = {}
        self._exclude = self._read(Path(found)) if (found := self._exclude_file(folder, top)) else None
        listed = git(folder, "ls-files", "--cached", "--ignored", "--exclude-standard", "-z") if top else ""
        self._tracked = {self._full(name) for name in listed.split("\0") if name}
        self._tracked_folders = {parent for name in self._tracked for parent in _parents(name)}

    def leaves_out(self, name: str, *, is_folder: bool) -> bool:
        full = self._full(name)
        if full in self._tracked:
            return False
        out = posixpath.dirname(full) in self._left_out or self._matches(full, is_folder=is_folder)
        if out and is_folder:
            self._left_out.add(full)
        return out

    def may_return(self, name: str) -> bool:
        return self._full(name) in self._tracked_folders

    def _full(self, name: str) -> str:
        return posixpath.join(self._inner, name)

    def _matches(self, full: str, *, is_folder: bool) -> bool:
        """The deepest file that says something about it decides."""
        for above in _parents(full):
            spec = self._spec(above)
            said = spec.check_file(full[len(above) :].lstrip("/") + "/" * is_folder).include if spec else None
            if said is not None:
                return said
        return bool(self._exclude and self._exclude.check_file(full + "/" * is_folder).include)

    def _spec(self, folder: str) -> "GitIgnoreSpec | None":
        if folder not in self._specs:
            self._specs[folder] = self._read(self._top / folder / ".gitignore")
        return self._specs[folder]

    @staticmethod
    def _read(path: Path) -> "GitIgnoreSpec | None":
        try:
            lines = os.fsdecode(path.read_bytes()).splitlines()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])

    @staticmethod
    def _exclude_file(folder: Path, top: str) -> str:
        place = git(folder, "rev-parse", "--git-path", "info/exclude") if top else ""
        return str(folder / place) if place else ""


def _is_pattern(line: str) -> bool:
    """Git passes over what it can't understand, too."""
    from pathspec import GitIgnoreSpec

    try:
        return bool(GitIgnoreSpec.from_lines([line]).patterns)
    except ValueError:
        return False


def _parents(name: str) -> list[str]:
    """The folders that it is in, the deepest first; "" for the outermost."""
    found = [name]
    while found[-1]:
        found.append(posixpath.dirname(found[-1]))
    return found[1:]
