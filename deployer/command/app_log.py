"""`logs`: what an app's processes write."""

import time
from typing import Annotated, Any

import typer

from deployer.command.answers import said_once
from deployer.command.failure import FAILED, INTERRUPTED, Failure
from deployer.command.follow import PATIENCE, PAUSE, Line, Outage, say_as_json, say_line
from deployer.command.options import AppOption, JsonOption, app_name
from deployer.command.server import BrokenStream, Server, connect
from deployer.command.times import moment


def logs(
    context: typer.Context,
    app: AppOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they write, until Ctrl-C.")] = False,
    service: Annotated[str, typer.Option("--service", "-s", metavar="SERVICE", help="Only of this service.")] = "",
    process: Annotated[str, typer.Option("--process", "-p", metavar="ID", help="Only of this process.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: 90s, 10m, 2h, 1d, or as in RFC 3339.")
    ] = "",
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", metavar="N", min=0, max=5000, help="The last so many; 100 without --since."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what an app's processes have written: the cluster keeps it, for a while. --json prints an object a line."""
    if since:
        moment(since, ahead=False)  # what is no time is wrong usage, and need not be sent
    server, name = connect(), app_name(context, app)
    wanted: dict[str, Any] = {"service": service, "process": process, "since": since, "follow": str(follow).lower()}
    if lines is not None:
        wanted["lines"] = lines
    wanted = {key: value for key, value in wanted.items() if value != ""}
    output = _Output(server, f"/apps/{name}/log", wanted, say_as_json if as_json else say_line)
    try:
        output.read(follow=follow)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


class _Output:
    """Goes on after a lost connection at the time of the last line, without repeating what came at that time."""

    def __init__(self, server: Server, path: str, wanted: dict[str, Any], on_line: Any) -> None:
        self.server, self.path, self.wanted, self.on_line = server, path, wanted, on_line
        self.outage = Outage(server.url)
        self.last = ""
        self.at_last: list[tuple[str, str]] = []

    def read(self, *, follow: bool) -> None:
        """To its end, which a followed log has not. Raises Failure when it ends in the middle."""
        while True:
            had = list(self.at_last)
            try:
                for line in self.server.log(self.path, **self.wanted):
                    self.outage.ends()
                    self._take(line, had)
            except BrokenStream:
                self.outage.begins()
            else:
                if not follow:
                    return
            time.sleep(PAUSE)
            # Who is not back in time is given up.
            self.server.get("/server", patience=PATIENCE, on_trouble=self.outage.begins)
            if self.last:
                self.wanted |= {"since": self.last}
                self.wanted.pop("lines", None)

    def _take(self, line: Line, had: list[tuple[str, str]]) -> None:
        if error := line.get("error"):
            raise Failure(*said_once(error), status=FAILED)
        said = (line["stream"], line["message"])
        if line["time"] == self.last and said in had:
            had.remove(said)
            return
        if line["time"] != self.last:
            self.last, self.at_last = line["time"], []
        self.at_last.append(said)
        self.on_line(line)
