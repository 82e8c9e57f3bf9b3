"""`run`: one command, once, with an app's release."""

import shlex
from typing import Annotated, Any

import typer

from deployer.command.answers import said_once
from deployer.command.failure import FAILED, INTERRUPTED, REFUSED, Failure, Unreachable
from deployer.command.options import AppOption, JsonOption, app_name, segment
from deployer.command.output import complain, say, say_json
from deployer.command.server import BrokenStream, Server, connect

OUR_STREAM = "system/deployer"


def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND…", help="After --, if it has options of its own.")],
    app: AppOption = None,
    release: Annotated[
        str,
        typer.Option("--release", "-r", metavar="RELEASE", help="Promoted or not; the active one, if none is named."),
    ] = "",
    service: Annotated[str, typer.Option("--service", "-s", metavar="SERVICE", help="Whose image it runs in.")] = "",
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=1, max=86_400, help="End it after so many seconds.")
    ] = 3600,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with the command's own exit status.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a command once, in a process of its own, with a release's image and variables.

    One word is split as a shell would do it, but no shell runs it: `-- sh -c '…'` does. Its output comes as it is
    written; Ctrl-C ends it. --json prints an object a line.

    A release need not be promoted: that is how one migrates before promoting.
    """
    server, name = connect(), app_name(context, app)
    wanted: dict[str, Any] = {"command": command[0] if len(command) == 1 else list(command), "timeout": timeout}
    if service:
        wanted["service"] = service
    ended = _carried_out(server, name, segment(release) if release else _active(server, name), wanted, as_json=as_json)
    if error := ended.get("error"):
        refused = error.get("code") == "not_allowed"
        raise Failure(*said_once(error), status=REFUSED if refused else FAILED)
    if ended["exit"] != 0:
        words = f"{shlex.join(command)} exited with {ended['exit']}."
        raise Failure(words, status=ended["exit"] % 256 or FAILED if exit_code else FAILED)


def _active(server: Server, app: str) -> str:
    release = server.get(f"/apps/{app}")["release"]
    if release is None:
        raise Failure(f"{app} has no active release: name one with --release.")
    return release


def _carried_out(server: Server, app: str, release: str, wanted: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Prints what it writes, and gives the last line of the answer: {"exit": n} or {"error": {…}}."""
    try:
        for line in server.stream("POST", f"/apps/{app}/releases/{release}/run", json=wanted):
            if as_json:
                say_json(line, indent=None)
            if "message" not in line:
                return line
            if not as_json:
                (complain if line["stream"] == OUR_STREAM else say)(line["message"])
    except KeyboardInterrupt:
        raise Failure("", "The command is being ended.", status=INTERRUPTED) from None
    except BrokenStream as broken:
        raise Unreachable(f"The connection to {server.url} was lost: with it the command ends.") from broken
    raise Unreachable(f"The connection to {server.url} was lost: with it the command ends.")
