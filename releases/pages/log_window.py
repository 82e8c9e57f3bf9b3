"""The part of a log that a page is drawn with. The browser has the rest: over the websocket, or by asking for it."""

from dataclasses import dataclass

from releases.logs import reading, search
from releases.logs.reading import Part
from releases.logs.search import ERROR_WORDS, Hit, Words
from releases.models import Build, LogLine, Rollout

# What the newest lines weigh with all that stands around them stays far under what a first page may.
FIRST_LINES = 300


@dataclass(frozen=True)
class Asked:
    """What an address asks for: the lines before or after a line or around it, those of one stream, or the next or
    previous line with some words, counted from a line."""

    before: int | None = None
    after: int | None = None
    line: int | None = None
    stream: str = ""
    words: str = ""
    previous: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class LogWindow:
    """`address`: its websocket; `base`: the page it belongs to. `total`: the whole log's newest number. `at_end`: it
    has the newest lines. `hit`: of a search without JavaScript; `line`: the one that is looked at."""

    address: str
    base: str
    part: Part
    total: int
    finished: bool
    asked: Asked
    streams: list[str]
    hit: Hit | None = None
    kind: str = "stored"

    @property
    def lines(self) -> list[LogLine]:
        return self.part.lines

    @property
    def at_end(self) -> bool:
        return self.part.last >= self.total

    @property
    def has_earlier(self) -> bool:
        return self.part.first > 1

    @property
    def line(self) -> int | None:
        return self.hit.number if self.hit else self.asked.line

    @property
    def error_words(self) -> str:
        return ERROR_WORDS

    @classmethod
    def of(cls, row: Build | Rollout, asked: Asked | None = None) -> "LogWindow":
        """The newest lines of it, or what was asked for."""
        asked = asked or Asked()
        name = f"build/{row.pk}" if isinstance(row, Build) else f"rollout/{row.app.name}.{row.number}"
        hit = _hit(row, asked) if asked.words else None
        return cls(
            address=f"/ws/logs/{name}",
            base=row.get_absolute_url(),
            part=_part(row, asked, hit.number if hit else asked.line),
            total=row.last_line,
            finished=row.is_finished,
            asked=asked,
            streams=_streams(row, asked.stream),
            hit=hit,
        )


def _part(row: Build | Rollout, asked: Asked, line: int | None) -> Part:
    last = row.last_line
    if line is not None:
        return reading.around(row.owner, min(line, last), last, stream=asked.stream)
    if asked.after is not None and asked.after < last:
        return reading.after(row.owner, asked.after, last, stream=asked.stream)
    if asked.before is not None and asked.before <= last:
        return reading.before(row.owner, asked.before, stream=asked.stream)
    return reading.before(row.owner, last + 1, stream=asked.stream, limit=FIRST_LINES)


def _hit(row: Build | Rollout, asked: Asked) -> Hit:
    words, last = Words(asked.words), row.last_line
    if asked.previous is not None:
        before = min(asked.previous - 1, last)
        return search.find(row.owner, words, first=1, last=before, up=False, stream=asked.stream)
    return search.find(row.owner, words, first=(asked.next or 0) + 1, last=last, up=True, stream=asked.stream)


def _streams(row: Build | Rollout, asked: str) -> list[str]:
    """What there is to choose from: known without reading a million lines. The browser adds the processes that it
    meets."""
    if isinstance(row, Build):
        streams = ["build", "system/deployer"]
    else:
        services = (f"service/{name}" for name in sorted(row.release.manifest["services"]))
        streams = ["release-command", "system/k8s", "system/deployer", *services]
    return streams if not asked or asked in streams else [*streams, asked]
