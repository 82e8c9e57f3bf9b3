"""`env`: list, set, unset."""

from typing import Annotated, Any

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.follow import rollout_to_success
from deployer.command.options import AppOption, JsonOption, app_name, app_path, remember, wants_json
from deployer.command.output import say, say_json, step
from deployer.command.server import connect

group = typer.Typer(help="Variables: list, set, unset.", rich_markup_mode=None)
RevealOption = Annotated[bool, typer.Option("--reveal", help="Show the values. This is written into the audit.")]
StageOption = Annotated[bool, typer.Option("--stage", help="Make a release, and don't promote it.")]


@group.callback(invoke_without_command=True)
def env(
    context: typer.Context, app: AppOption = None, reveal: RevealOption = False, as_json: JsonOption = False
) -> None:
    """List the variables of the active release."""
    remember(context, app=app, json=as_json)
    if context.invoked_subcommand is None:
        _list(context, app, reveal, as_json)


@group.command("list")
def list_env(
    context: typer.Context, app: AppOption = None, reveal: RevealOption = False, as_json: JsonOption = False
) -> None:
    """List the variables of the active release."""
    _list(context, app, reveal, as_json)


def _list(context: typer.Context, app: str | None, reveal: bool, as_json: bool) -> None:
    found = connect().get(f"{app_path(context, app)}/env", reveal=str(reveal).lower())
    if wants_json(context, as_json):
        say_json(found)
        return
    for name, value in found["variables"].items():
        say(f"{name}={value}")
    if found["staged"]:
        staged = ", ".join(f"{each['name']} ({each['change']})" for each in found["staged"])
        say(f"Staged: {staged}")


@group.command("set")
def set_env(
    context: typer.Context,
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE…")],
    app: AppOption = None,
    stage: StageOption = False,
) -> None:
    """Set variables: a new release, promoted unless it is staged."""
    pairs = [assignment.partition("=") for assignment in assignments]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise Failure(f"“{name}” is no NAME=VALUE.", status=USAGE)
    values = {name: value for name, _, value in pairs}
    _change(context, app, f"Setting {', '.join(values)}", {"set": values, "stage": stage})


@group.command("unset")
def unset_env(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME…")],
    app: AppOption = None,
    stage: StageOption = False,
) -> None:
    """Unset variables: a new release, promoted unless it is staged."""
    _change(context, app, f"Unsetting {', '.join(names)}", {"unset": names, "stage": stage})


def _change(context: typer.Context, app: str | None, title: str, change: dict[str, Any]) -> None:
    server, name = connect(), app_name(context, app)
    with step(title):
        changed = server.patch(f"/apps/{name}/env", change)
    if not changed["changed"]:
        say("Nothing has changed: it was so already.")
    elif changed["release"] is None:
        say("Staged: the first build gets it.")
    elif changed["rollout"] is None:
        say(f"Release: {changed['release']}")
        say(f"Staged: promote it with `deployer releases promote {changed['release']} -a {name}`.")
    else:
        say(f"Release: {changed['release']}")
        say(f"Promoting {changed['release']}...")
        rollout_to_success(server, name, changed["rollout"])
        say("OK")
