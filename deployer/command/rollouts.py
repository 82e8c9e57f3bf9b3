"""`rollouts`: list, look, watch, abort."""

from typing import Annotated

import typer

from deployer.command.failure import Failure
from deployer.command.follow import follow_rollout, say_line, stored_lines
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    QuietOption,
    app_name,
    app_path,
    remember,
    wants_json,
)
from deployer.command.output import ago, facts, say, say_json, table, words
from deployer.command.server import Server, connect

group = typer.Typer(help="Rollouts: list, look, watch, abort.", rich_markup_mode=None)
NumberArgument = Annotated[int | None, typer.Argument(min=1, metavar="NUMBER", help="The newest, if none is named.")]


@group.callback(invoke_without_command=True)
def rollouts(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the rollouts, the newest first."""
    remember(context, app=app, json=as_json)
    if context.invoked_subcommand is None:
        _list(context, app, as_json, quiet, limit)


@group.command("list")
def list_rollouts(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the rollouts, the newest first."""
    _list(context, app, as_json, quiet, limit)


def _list(context: typer.Context, app: str | None, as_json: bool, quiet: bool, limit: int) -> None:
    items = connect().get(f"{app_path(context, app)}/rollouts", limit=limit)["items"]
    if wants_json(context, as_json):
        say_json(items)
    elif quiet:
        for item in items:
            say(str(item["number"]))
    else:
        rows = [
            [
                str(item["number"]),
                words(item["status"]),
                item["kind"],
                item["release"],
                ago(item["created"]),
                item["reason"],
            ]
            for item in items
        ]
        say(table(["NUMBER", "STATUS", "KIND", "RELEASE", "CREATED", "REASON"], rows))


@group.command("info")
def info(
    context: typer.Context, number: NumberArgument = None, app: AppOption = None, as_json: JsonOption = False
) -> None:
    """Show one rollout."""
    server, path = connect(), app_path(context, app)
    found = server.get(f"{path}/rollouts/{_number(server, path, number)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    expected = found["expected_seconds"]
    pairs = [
        ("Rollout", str(found["number"])),
        ("App", found["app"]),
        ("Status", words(found["status"])),
        ("Reason", found["reason"]),
        ("Cause", found["cause"]),
        ("Hint", found["hint"]),
        ("Release", found["release"]),
        ("Previous", found["previous"] or ""),
        ("Note", found["note"]),
        ("Started", ago(found["created"])),
        ("Usually takes", f"{expected} s" if expected is not None else ""),
        ("By", found["by"]),
    ]
    say("\n".join([facts(pairs), *(f"  {line}" for line in found["evidence"])]))


@group.command("logs")
def logs(
    context: typer.Context,
    number: NumberArgument = None,
    app: AppOption = None,
    follow: Annotated[bool, typer.Option(help="Go on until the rollout is over.")] = True,
) -> None:
    """Print a rollout's log; of one that runs, until it is over."""
    server, name = connect(), app_name(context, app)
    which = _number(server, f"/apps/{name}", number)
    if follow:
        follow_rollout(server, name, which)
    else:
        stored_lines(server, f"/apps/{name}/rollouts/{which}", say_line)


@group.command("abort")
def abort(context: typer.Context, number: NumberArgument = None, app: AppOption = None) -> None:
    """Stop a rollout; done when the previous release is back."""
    server, name = connect(), app_name(context, app)
    which = _number(server, f"/apps/{name}", number)
    server.post(f"/apps/{name}/rollouts/{which}/abort")
    say(f"Aborting rollout {which}...")
    ended = follow_rollout(server, name, which)
    if ended["status"] not in ("cancelled", "rolled_back"):
        raise Failure(f"Rollout {which} was not stopped: it {words(ended['status'])}. {ended['reason']}")
    say("OK")


def _number(server: Server, path: str, given: int | None) -> int:
    if given is not None:
        return given
    items = server.get(f"{path}/rollouts", limit=1)["items"]
    if not items:
        raise Failure("There is no rollout yet.")
    return items[0]["number"]
