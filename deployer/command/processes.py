"""`ps` and `scale`."""

import re
from typing import Annotated

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.options import AppOption, JsonOption, app_name, app_path
from deployer.command.output import ago, say, say_json, step, table
from deployer.command.server import connect

WANTED = re.compile(r"([A-Za-z0-9-]{1,63})=([0-9]{1,6})\Z")


def ps(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """List the processes that run now."""
    found = connect().get(f"{app_path(context, app)}/processes")
    if as_json:
        say_json(found)
        return
    rows = [
        [
            process["name"],
            process["service"],
            process["release"],
            process["state"],
            str(process["restarts"]),
            ago(process["started"]),
            process["reason"],
        ]
        for process in found
    ]
    say(table(["ID", "SERVICE", "RELEASE", "STATUS", "RESTARTS", "STARTED", "REASON"], rows))


def scale(
    context: typer.Context,
    wanted: Annotated[list[str], typer.Argument(metavar="SERVICE=COUNT…")],
    app: AppOption = None,
) -> None:
    """Run so many processes of a service, now and in later releases: `scale web=3`."""
    counts = {}
    for text in wanted:
        match = WANTED.match(text)
        if match is None:
            raise Failure(f"“{text}” is no SERVICE=COUNT with a whole number from 0: web=3, say.", status=USAGE)
        counts[match[1]] = int(match[2])
    server, name = connect(), app_name(context, app)
    for service, count in counts.items():
        with step(f"Scaling {service} to {count}"):
            server.put(f"/apps/{name}/services/{service}/scale", {"count": count})
