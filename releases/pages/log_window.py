"""The part of a log that a page is drawn with; the rest comes over the websocket, or by asking for earlier lines."""

from dataclasses import dataclass

from releases.models import Build, LogLine, Rollout

LINES = 500

# What makes a line worth the colour of an error; the browser gets the same expression for the lines that come live.
ERROR_WORDS = (
    r"\bBack-off\b|\bfailed\b|\bexited with (?!0\b)|^\s*(error|fatal|panic)\b|^\w*(Error|Exception)\b"
    r"|^Traceback \(most recent|\bOOMKilled\b|\bnot found\b"
)


@dataclass(frozen=True)
class LogWindow:
    """`address`: its websocket. `last`: the whole log's newest number. `before`: set when an older part is shown."""

    owner: str
    address: str
    lines: list[LogLine]
    last: int
    finished: bool
    before: int | None = None

    @property
    def first(self) -> int:
        return self.lines[0].number if self.lines else 0

    @property
    def newest(self) -> int:
        """The number of the last line that it has."""
        return self.lines[-1].number if self.lines else 0

    @property
    def error_words(self) -> str:
        return ERROR_WORDS

    @property
    def has_earlier(self) -> bool:
        return self.first > 1

    @classmethod
    def of(cls, row: Build | Rollout, *, before: int | None = None) -> "LogWindow":
        """The last LINES of it, or the LINES before the line `before`."""
        name = f"build/{row.pk}" if isinstance(row, Build) else f"rollout/{row.app.name}.{row.number}"
        if before is not None and before > row.last_line:
            before = None
        lines = earlier(row.owner, before)
        return cls(row.owner, f"/ws/logs/{name}", lines, row.last_line, row.is_finished, before)


def earlier(owner: str, before: int | None) -> list[LogLine]:
    """At most LINES lines with a number under `before` (None: the newest), in order."""
    lines = LogLine.objects.filter(owner=owner)
    if before is not None:
        lines = lines.filter(number__lt=before)
    return list(reversed(lines.order_by("-number")[:LINES]))
