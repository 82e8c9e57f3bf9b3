"""A diagnosis as text, for a terminal and to be copied: from the JSON of the API to lines. Pure."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from deployer.layout import Layout, age, moment, plain

Part = dict[str, Any]
MARKS = {"error": ("✕", "red"), "warning": ("!", "yellow"), "info": ("i", "blue")}
GOOD = ("ready", "running", "done")
ON_THE_WAY = ("starting", "pulling", "pending", "deploying", "stopping", "stopped", "waiting")
SERVICES = ("SERVICE", "DESIRED", "READY", "STATUS")
PROCESSES = ("PROCESS", "SERVICE", "STATUS", "READY", "RESTARTS", "AGE", "HINT")
INIT = ("PROCESS", "INIT CONTAINER", "STATUS", "RESTARTS", "REASON")
OMITTED = {
    "healthy": "healthy processes that are not new (--all shows them)",
    "processes": "further processes",
    "logs": "logs of further processes",
    "findings": "further findings",
    "events": "older events",
}
VALUES_MAX, NAMED = 600, 5


def lines(
    report: Part, *, width: int | None = None, coloured: bool = False, summary: bool = False, url: str = ""
) -> list[str]:
    """What a person reads. `report`: as the API gives it, or as a rollout has stored it.

    `width`: columns, None for as many as a line takes. `summary`: a line for each finding, and the tables. `url`: of
    the server, before the paths of its pages.
    """
    text = _Text(report, Layout(width, coloured), url)
    parts = [text.head(), *([text.brief()] if summary else text.findings())]
    parts += [text.services(), text.processes(), text.omitted()]
    if not summary:
        parts += [text.init(), *text.logs(), text.events()]
    return [line for place, part in enumerate(filter(None, parts)) for line in ([""] if place else []) + part]


class _Text:
    def __init__(self, report: Part, layout: Layout, url: str) -> None:
        self.report, self.layout, self.url = report, layout, url
        self.at = moment(report.get("at")) or datetime.now(UTC)

    def head(self) -> list[str]:
        known = {"cluster": "cluster ", "release": "release ", "rollout": "rollout "}
        about = [self.report.get("app"), *(f"{words}{it}" for key, words in known.items() if (it := self._get(key)))]
        about.append(f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z")
        found = [finding["severity"] for finding in self._get("findings")]
        counts = ", ".join(_count(kind, found.count(kind)) for kind in MARKS if kind in found)
        healthy = self.layout.paint("✓ Nothing is wrong.", "green")
        return [
            *self.layout.wrapped(" · ".join(str(each) for each in about if each)),
            counts if set(found) - {"info"} else f"{healthy} {counts}".rstrip(),
            *self._unread(),
        ]

    def _unread(self) -> Iterator[str]:
        kinds: dict[str, list[str]] = {}
        for kind, why in (self._get("unread") or {}).items():
            kinds.setdefault(why, []).append(kind)
        for why, named in kinds.items():
            yield from self.layout.wrapped(f"Not read: {', '.join(named)} ({why})", hanging=2)

    # --- Findings ---------------------------------------------------------------------------------------------------

    def findings(self) -> Iterator[list[str]]:
        for finding in self._get("findings"):
            yield list(self._finding(finding))

    def brief(self) -> list[str]:
        """A line of each."""
        return [self._brief(finding) for finding in self._get("findings")]

    def _brief(self, finding: Part) -> str:
        subject = finding["subject"]
        kind = "rollout " if subject["kind"] == "rollout" else ""  # its name is a number
        about = f"{kind}{subject['name']}{_others(finding)}: {_title(finding)} → {finding['hint']}"
        return f"{self._mark(finding, width=9)}  {self.layout.cut(about, 11)}"

    def _finding(self, finding: Part) -> Iterator[str]:
        wrapped, used = self.layout.wrapped, len(finding["severity"]) + 4
        first, *rest = wrapped(f"{_title(finding)}: {_about(finding)}", hanging=4, used=used) or [""]
        yield f"{self._mark(finding)}: {self.layout.paint(first, 'bold')}"
        yield from rest
        yield from wrapped(finding["observed"], 2)
        for words in wrapped(_values(finding.get("values") or {}), 2, hanging=4):
            yield self.layout.paint(words, "dim")
        if since := age(finding.get("since"), self.at):
            yield f"  Began {since} ago."
        yield from wrapped(_named(finding), 2, hanging=4)
        yield from wrapped(f"→ {finding['hint']}", 2, hanging=4)
        yield from wrapped(finding.get("likely") or "", 4)
        yield from self._ways(finding)
        for event in finding.get("events") or []:
            yield from self._event(event, 4)
        for log in finding.get("lines") or []:
            yield from self._log(log, 4)

    def _ways(self, finding: Part) -> Iterator[str]:
        """Whole, so that they can be copied."""
        if command := finding.get("command"):
            yield f"    $ {plain(command)}"
        if page := finding.get("page"):
            yield f"    {plain(self.url + page)}"

    def _mark(self, finding: Part, *, width: int = 0) -> str:
        mark, colour = MARKS.get(finding["severity"], MARKS["info"])
        return self.layout.paint(f"{mark} {plain(finding['severity'])}".ljust(width), colour)

    # --- Tables -----------------------------------------------------------------------------------------------------

    def services(self) -> list[str]:
        rows = [[line["service"], _desired(line), str(line["ready"]), line["status"]] for line in self._get("services")]
        return self.layout.table(SERVICES, rows, colour_of=_colour)

    def processes(self) -> list[str]:
        keys = ("process", "service", "status", "ready", "restarts")
        rows = [
            [*(str(line[key]) for key in keys), age(line["created_at"], self.at), line.get("hint", "")]
            for line in self._get("processes")
        ]
        return self.layout.table(PROCESSES, rows, colour_of=_colour)

    def init(self) -> list[str]:
        rows = [
            [line["process"], each["container"], each["status"], str(each["restarts"]), each.get("words", "")]
            for line in self._get("processes")
            for each in line.get("init") or []
        ]
        return self.layout.table(INIT, rows, colour_of=_colour)

    def omitted(self) -> list[str]:
        counts = [f"{count} {OMITTED.get(what, what)}" for what, count in (self._get("omitted") or {}).items()]
        return self.layout.wrapped(f"Not shown: {', '.join(counts)}.", hanging=2) if counts else []

    # --- What was said ----------------------------------------------------------------------------------------------

    def logs(self) -> Iterator[list[str]]:
        """Those that no finding has shown already, whole."""
        shown = [log for finding in self._get("findings") for log in finding.get("lines") or []]
        for line in self._get("processes"):
            for log in line.get("logs") or []:
                if log not in shown:
                    yield list(self._log(log, 0))

    def events(self) -> list[str]:
        said = [text for event in self._get("events") for text in self._event(event, 0)]
        return [self.layout.paint("EVENTS", "bold"), *said] if said else []

    def _log(self, log: Part, indent: int) -> Iterator[str]:
        run = "previous" if log["previous"] else "current"
        title = f"LOGS {plain(log['process'])} {plain(log['container'])} ({run})"
        yield " " * indent + self.layout.paint(title, "bold")
        for text in log["lines"]:
            yield from self.layout.raw(text, indent + 2)

    def _event(self, event: Part, indent: int) -> Iterator[str]:
        last, count = age(event.get("last"), self.at), event.get("count") or 1
        about = [f"{last} ago" if last else "", event.get("type", ""), event["reason"], event["object"]]
        about.append(f"{count} times" if count > 1 else "")
        for title in self.layout.wrapped("  ".join(filter(None, about)), indent):
            yield self.layout.paint(title, "yellow") if event.get("type") == "Warning" else title
        yield from self.layout.wrapped(event["message"], indent + 2)

    def _get(self, key: str) -> Any:
        return self.report.get(key) or ()


def _title(finding: Part) -> str:
    return str(finding["code"]).replace("_", " ")


def _about(finding: Part) -> str:
    """`process web-1 and 2 others of web, container main`."""
    subject = finding["subject"]
    kind = f"{subject['kind']} " if subject["kind"] != subject["name"] else ""
    of = f" of {subject['service']}" if subject.get("service") and subject["service"] != subject["name"] else ""
    container = f", container {subject['container']}" if subject.get("container") else ""
    return f"{kind}{subject['name']}{_others(finding)}{of}{container}"


def _others(finding: Part) -> str:
    count = finding.get("others_count") or len(finding.get("others") or [])
    return f" and {count} other{'s' if count > 1 else ''}" if count else ""


def _named(finding: Part) -> str:
    named = list(finding.get("others") or [])
    more = max(finding.get("others_count") or 0, len(named)) - len(named[:NAMED])
    return f"Also {', '.join(named[:NAMED])}{f' and {more} more' if more else ''}." if named else ""


def _values(values: Part) -> str:
    text = " · ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in values.items()
        if value not in ("", None)
    )
    return text if len(text) <= VALUES_MAX else text[: VALUES_MAX - 1] + "…"


def _desired(line: Part) -> str:
    return f"{line['desired']} (autoscaled)" if line.get("autoscaled") else str(line["desired"])


def _colour(status: str) -> str:
    return "green" if status in GOOD else "yellow" if status in ON_THE_WAY else "red"


def _count(kind: str, count: int) -> str:
    return f"{count} {'note' if kind == 'info' else kind}{'s' if count > 1 else ''}"
