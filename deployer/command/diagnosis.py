"""`deploy-debug` and `rollouts diagnosis`: why it is not running."""

import sys
import time
from typing import Annotated, Any, Literal

import typer

from deployer import diagnosis_text
from deployer.command.failure import FAILED, INTERRUPTED, USAGE, Failure
from deployer.command.follow import PATIENCE, Outage
from deployer.command.options import AppOption, JsonOption, app_path
from deployer.command.output import say, say_json
from deployer.command.server import Server, connect
from deployer.command.terminal import has_colours, size

Form = Literal["terminal", "summary", "json"]
CHECKS = ("overview", "init", "services")
WATCH_SECONDS = 5.0
# To the first column of the first line, and away with what stands behind.
HOME, REST_AWAY, LINE_AWAY = "\x1b[H", "\x1b[J", "\x1b[K"


def deploy_debug(
    context: typer.Context,
    seconds: Annotated[
        float | None,
        typer.Argument(metavar="SECONDS", min=0.5, max=86_400, help="Of --watch: so long between two looks; else 5."),
    ] = None,
    app: AppOption = None,
    service: Annotated[
        str, typer.Option("--service", "-s", metavar="SERVICE[,SERVICE…]", help="Only these; all, if none is named.")
    ] = "",
    checks: Annotated[
        str,
        typer.Option(
            "--checks",
            "-c",
            metavar="CHECK[,CHECK…]",
            help="overview: services and processes; init: what runs before them; services: what they write.",
        ),
    ] = ",".join(CHECKS),
    age: Annotated[
        int,
        typer.Option(
            "--age", "-A", metavar="SECONDS", min=0, max=604_800, help="Also show healthy processes younger than that."
        ),
    ] = 300,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=0, max=1000, help="The last so many of each log.")
    ] = 200,
    every: Annotated[bool, typer.Option("--all", help="Show all healthy processes, too.")] = False,
    no_events: Annotated[bool, typer.Option("--no-events", help="Without the cluster's events.")] = False,
    no_previous: Annotated[
        bool, typer.Option("--no-previous", help="Without what was written in the run before this one.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, every SECONDS, until Ctrl-C.")] = False,
    output: Annotated[Form, typer.Option("--output", "-o", metavar="FORM", help="terminal, summary or json.")] = (
        "terminal"
    ),
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with an app, why, and what to do: the findings, then services, processes, logs and events.

    Exit status: 0 nothing is wrong, 1 something is, 2 wrong usage, also of a name that is not there, 3 refused, 4 no
    server. With --watch and --json it prints an object a line.
    """
    if unknown := [check for check in checks.split(",") if check not in CHECKS]:
        raise Failure(f"There is no check “{unknown[0]}”: {', '.join(CHECKS)}.", status=USAGE)
    if seconds is not None and not watch:
        raise Failure("So many seconds between what? Say --watch, too.", status=USAGE)
    asked = {"service": service, "checks": checks, "age": age, "lines": lines}
    asked |= {"all": every, "events": not no_events, "previous": not no_previous}
    looks = _Looks(connect(), f"{app_path(context, app)}/diagnosis", asked, "json" if as_json else output)
    try:
        found = looks.again_and_again(seconds or WATCH_SECONDS) if watch else looks.once()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Failure as failure:
        if failure.status == FAILED:  # which says that something was found
            failure.status = USAGE
        raise
    if not found["healthy"]:
        raise SystemExit(FAILED)


def say_report(server: Server, report: dict[str, Any], *, summary: bool = False) -> None:
    """As wide as the terminal is, in its colours."""
    say("\n".join(_text(server, report, summary=summary)))


class _Looks:
    """Asks for a diagnosis and shows it."""

    def __init__(self, server: Server, path: str, asked: dict[str, Any], form: Form) -> None:
        self.server, self.path, self.form = server, path, form
        self.asked: dict[str, Any] = {
            key: str(value).lower() if isinstance(value, bool) else value for key, value in asked.items()
        }

    def once(self) -> dict[str, Any]:
        found = self.server.get(self.path, **self.asked)
        if self.form == "json":
            say_json(found)
        else:
            say_report(self.server, found, summary=self.form == "summary")
        return found

    def again_and_again(self, pause: float) -> dict[str, Any]:
        """Until it is interrupted, or the server stays away."""
        outage, first = Outage(self.server.url), True
        while True:
            found = self.server.get(self.path, patience=PATIENCE, on_trouble=outage.begins, **self.asked)
            outage.ends()
            if self.form == "json":
                say_json(found, indent=None)
            else:
                self._redraw(found, first=first)
            first = False
            time.sleep(pause)

    def _redraw(self, found: dict[str, Any], *, first: bool) -> None:
        """In place of the last one, as much of it as there is room for; below it where no terminal is."""
        lines, room = _text(self.server, found, summary=self.form == "summary"), size()
        if room is None:
            say("\n".join(lines if first else ["", "-" * 40, "", *lines]))
            return
        if len(lines) > room.lines - 1:
            more = len(lines) - (room.lines - 2)
            lines = [*lines[: room.lines - 2], f"… {more} more lines: -o summary is shorter."]
        sys.stdout.write(HOME + "".join(f"{line}{LINE_AWAY}\n" for line in lines) + REST_AWAY)
        sys.stdout.flush()


def _text(server: Server, report: dict[str, Any], *, summary: bool) -> list[str]:
    room = size()
    return diagnosis_text.lines(
        report, width=room.columns if room else None, coloured=has_colours(), summary=summary, url=server.url
    )
