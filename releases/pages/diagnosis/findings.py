"""One finding as a page tells it: its words, what it is about, what to do, and what shows it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import Resolver404, resolve

from releases.pages.diagnosis.evidence import Event, Log, Paper, events_of, moment, words
from releases.pages.status import SEVERITY, Status
from releases.pipeline.diagnosis.catalogue import BY_CODE

VALUE_MAX = 2000
OTHERS_NAMED = 3
# Where a finding's page leads: the address's name → what one does there.
WORDS_OF_PAGES = {
    "env": "Change its variables",
    "processes": "See and scale its processes",
    "app-logs": "See its logs",
    "app-builds": "See its builds",
    "app-releases": "See its releases",
    "build": "See the build",
    "release": "See the release",
    "compare": "Compare the releases",
    "rollout": "See the rollout",
    "rollout-diagnosis": "See its diagnosis",
    "source": "See its source",
    "deliveries": "See its deliveries",
    "cluster": "See the cluster",
    "clusters": "See the clusters",
    "registry": "See the registry",
    "registries": "See the registries",
    "app-registry": "Choose its registry",
    "app-images": "See where its images go",
    "app-domains": "See its domains",
    "app-lock": "See the lock",
    "app-settings": "Change its settings",
    "app": "See the app",
}


@dataclass(frozen=True)
class Found:
    """`key`: its element's ID, the same while it lasts, whichever process stands for it. `about`: what it is about;
    `among`: the service that this is a part of. `values`: raw, name → text. `to`: the page that does it, and its words.
    """

    key: str
    code: str
    title: str
    status: Status
    about: str
    among: str
    container: str
    others: tuple[str, ...]
    others_count: int
    observed: str
    likely: str
    hint: str
    command: str
    to: tuple[str, str] | None
    since: datetime | None
    values: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    logs: tuple[Log, ...]

    @property
    def named(self) -> tuple[str, ...]:
        return self.others[:OTHERS_NAMED]

    @property
    def more(self) -> int:
        """Of the others, those that are not named where they are told of."""
        return max(0, self.others_count - len(self.named))

    @property
    def unnamed(self) -> int:
        """Of the others, those whose names are nowhere."""
        return self.others_count - len(self.others)

    @property
    def is_wrong(self) -> bool:
        return self.status is not SEVERITY["info"]

    @property
    def last_line(self) -> str:
        """The last one that it wrote, unless it is told of anyway."""
        line = next((log.lines[-1] for log in self.logs if log.lines), "").strip()
        return "" if line in self.observed else line


def findings_of(rows: Iterable[Mapping[str, Any]], paper: Paper, *, home: str) -> list[Found]:
    """`home`: the path of the app's page. `paper`: what may be shown of logs, all of them together."""
    keys: dict[str, int] = {}
    return [_found(row, _key(row, keys), paper, home) for row in rows]


def _found(row: Mapping[str, Any], key: str, paper: Paper, home: str) -> Found:
    subject, code = row.get("subject") or {}, words(row.get("code"))
    entry = BY_CODE.get(code)
    others = tuple(map(words, row.get("others") or ()))
    service = words(subject.get("service"))
    return Found(
        key=key,
        code=code,
        title=entry.title if entry else code.replace("_", " ").capitalize(),
        status=SEVERITY.get(row.get("severity", ""), SEVERITY["error"]),
        about=words(subject.get("name")),
        among=service if service != subject.get("name") else "",
        container=words(subject.get("container")),
        others=others,
        others_count=max(len(others), row.get("others_count") or 0),
        observed=words(row.get("observed")),
        likely=words(row.get("likely")),
        hint=words(row.get("hint")),
        command=words(row.get("command")),
        to=_page(words(row.get("page"))),
        since=moment(row.get("since")),
        values=tuple((words(name), _raw(value)) for name, value in (row.get("values") or {}).items()),
        events=tuple(events_of(row.get("events") or ())),
        logs=tuple(paper.log(lines, service, home) for lines in row.get("lines") or ()),
    )


def _key(row: Mapping[str, Any], taken: dict[str, int]) -> str:
    """Of the code and the service: another process may stand for it at the next look."""
    subject = row.get("subject") or {}
    parts = (row.get("code"), subject.get("kind"), subject.get("service") or subject.get("name"))
    key = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(str(part or "") for part in parts))
    taken[key] = taken.get(key, 0) + 1
    return f"finding-{key}" if taken[key] == 1 else f"finding-{key}-{taken[key]}"


def _raw(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return "\n".join(map(words, text[:VALUE_MAX].splitlines()))


def _page(path: str) -> tuple[str, str] | None:
    """A page of ours, never an address elsewhere."""
    try:
        name = resolve(path.partition("?")[0].partition("#")[0]).url_name or ""
    except Resolver404:
        return None
    return path, WORDS_OF_PAGES.get(name, "Go there")
