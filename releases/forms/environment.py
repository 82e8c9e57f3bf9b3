"""Many variables at once: typed into rows, pasted, or from a .env file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from deployer import env_file
from releases.errors import Invalid
from releases.models.variable_name import name_fault

MASKED, SHOWN = "value.", "shown."
BLANK_ROWS = 2
SET, STAGE, PREVIEW, ROWS = "set", "stage", "preview", "rows"


@dataclass
class EnvironmentEdit:
    """What somebody typed, as it came, and what it means: `set`, `unset`, and `faults` in sentences.

    `masked`: into rows whose value they were not shown: a blank one means that it stays. `shown`: into rows whose value
    they were; of these those count that differ from it, which only the actions can tell.
    """

    change: str
    masked: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    note: str = ""
    seen: str = ""
    set: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, data: QueryDict, file: UploadedFile | None = None) -> Self:
        """Raises Invalid for what no page of ours sends."""
        change = str(data.get("change"))
        if change not in (SET, STAGE, PREVIEW, ROWS):
            raise Invalid("“change” says which button was pressed: set, stage, preview or rows.")
        edit = cls(
            change=change,
            masked=_fields(data, MASKED),
            shown=_fields(data, SHOWN),
            unset=data.getlist("remove"),
            text=_lines(data.get("dotenv", "")),
            note=data.get("note", "").strip(),
            seen=data.get("seen", ""),
        )
        rows = zip(data.getlist("name"), data.getlist("value"), strict=False)
        edit.rows = [(name.strip(), _lines(value)) for name, value in rows if name.strip() or value]
        if file:
            edit._take(file)
        edit._understand()
        return edit

    @property
    def blank_rows(self) -> range:
        """How many to draw below those that were typed."""
        return range(BLANK_ROWS + (3 if self.change == ROWS else 0))

    def _take(self, file: UploadedFile) -> None:
        """Its text among what was pasted, where it can be corrected."""
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self.faults.append("The file is not UTF-8 text.")
            return
        self.text = f"{self.text.rstrip()}\n{_lines(text)}" if self.text.strip() else _lines(text)

    def _understand(self) -> None:
        for name, value in self._given():
            if self.set.setdefault(name, value) != value:
                self.faults.append(f"{name[:60]} is given twice, with different values.")

    def _given(self) -> Iterator[tuple[str, str]]:
        yield from ((name, value) for name, value in self.masked.items() if value)
        for name, value in self.rows:
            if name:
                yield name, value
            else:
                self.faults.append("A value has no name.")
        assignments, wrong = env_file.read(self.text)
        self.faults += [f"Line {line} is not of the form NAME=value." for line in wrong]
        self.faults += [f"Line {each.line}: {fault}" for each in assignments if (fault := name_fault(each.name))]
        yield from {each.name: each.value for each in assignments if not name_fault(each.name)}.items()


def _fields(data: QueryDict, prefix: str) -> dict[str, str]:
    """Those whose key begins so, by the rest of it."""
    return {key.removeprefix(prefix): _lines(data[key]) for key in data if key.startswith(prefix)}


def _lines(text: Any) -> str:
    """Browsers send every line break of a text area as CR LF."""
    return text.replace("\r\n", "\n")
