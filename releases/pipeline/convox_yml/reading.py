"""What is kept while a convox.yml is read: what was left out and why, and where what was renamed stands."""

import difflib
from collections.abc import Iterable
from typing import Any

from releases.pipeline.deployer_yml.text import Document, Path, dotted

NOTES_SHOWN = 200


class Reading:
    """Of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[str] = []
        self._notes: dict[str, int] = {}
        self._renamed: dict[Path, int] = {}

    def leave(self, path: Path, reason: str) -> None:
        """Names what is not taken over, at its line."""
        self._note(path, f"{dotted(path)} is left out: {reason}.")

    def remark(self, path: Path, words: str) -> None:
        """Says what is taken otherwise than it is written."""
        self._note(path, f"{dotted(path)}: {words}.")

    def refuse(self, path: Path, reason: str) -> None:
        """A fault: without it nothing else would mean what it says."""
        self.faults.append(self.document.fault(path, reason))

    def leave_rest(self, path: Path, section: dict, taken: Iterable[str], why: dict[str, str] | None = None) -> None:
        """Names every key of `section` that is not among `taken`; `why`: the reasons that are known."""
        taken, reasons = list(taken), why or {}
        for key in section:
            if key in taken:
                continue
            near = difflib.get_close_matches(str(key), [*taken, *reasons], n=1, cutoff=0.7)
            unknown = "Deployer has no such key" + (f" (did you mean {near[0]}?)" if near else "")
            self.leave((*path, key), reasons.get(key, unknown))

    def rename(self, path: Path, old: str, new: str) -> None:
        """A fault of `new`, as Deployer calls it, stands where `old` does."""
        line = self.document.lines.get((*path, old))
        if line is not None:
            self._renamed[(*path, new)] = line

    def translated(self, values: dict[str, Any]) -> Document:
        return Document(self.document.file, values, {**self.document.lines, **self._renamed})

    @property
    def notes(self) -> list[str]:
        """In the order of the file, as lines for a log."""
        ordered = sorted(self._notes, key=self._notes.__getitem__)
        more = len(ordered) - NOTES_SHOWN
        return ordered[:NOTES_SHOWN] + ([f"{self.document.file}: {more} more of the kind."] if more > 0 else [])

    def _note(self, path: Path, words: str) -> None:
        _, line = self.document.place(path)
        self._notes.setdefault(f"{self.document.file} line {line}: {words}", line)


def interpolated(value: Any) -> bool:
    """Whether Convox would put variables of the environment into it."""
    return isinstance(value, str) and "${" in value
