"""`rollouts`: list, look, watch, abort."""

from typing import Annotated, Any

import typer

from deployer.command.diagnosis import say_report
from deployer.command.failure import Failure
from deployer.command.follow import follow_rollout, last_words, say_as_json, say_line, say_nothing, stored_lines
from deployer.command.listing import show_list
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    NoWaitOption,
    QuietOption,
    app_name,
    app_path,
    remember,
    wants_json,
)
from deployer.command.output import ago, facts, say, say_json, words
from deployer.command.server import Server, connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
NumberArgument = Annotated[int | None, typer.Argument(min=1, metavar="NUMBER", help="The newest, if none is named.")]


@group.callback(invoke_without_command=True)
def rollouts(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List rollouts, watch one, abort it."""
    remember(context, {"limit": limit}, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_rollouts(context, app, as_json, quiet, limit)


@group.command("list")
def list_rollouts(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the rollouts, the newest first."""
    show_list(
        context,
        connect().items(f"{app_path(context, app)}/rollouts", limit=limit),
        as_json=as_json,
        quiet=quiet,
        id="number",
        headers=["NUMBER", "STATUS", "KIND", "RELEASE", "CREATED", "REASON"],
        row=_row,
        empty="No rollouts yet: `deployer deploy` or `deployer releases promote` starts one.",
    )


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
        ("Kind", found["kind"]),
        ("Status", words(found["status"])),
        ("Waits for", found["waiting_for"]),
        ("Reason", found["reason"]),
        ("Cause", found["cause"]),
        ("Hint", found["hint"]),
        ("Release", found["release"]),
        ("Previous", found["previous"] or ""),
        ("Replaces", str(found["replaces"] or "")),
        ("Aborted by", found["abort_by"]),
        ("Note", found["note"]),
        ("Started", ago(found["created"])),
        ("Finished", ago(found["finished"])),
        ("Usually takes", f"{expected} s" if expected is not None else ""),
        ("By", found["by"]),
    ]
    say("\n".join([facts(pairs), *last_words(found["evidence"])]))


@group.command("logs")
def logs(
    context: typer.Context,
    number: NumberArgument = None,
    app: AppOption = None,
    follow: Annotated[bool, typer.Option(help="Go on until the rollout is over.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Print a rollout's log; of one that runs, until it is over. --json prints an object a line."""
    server, name = connect(), app_name(context, app)
    which = _number(server, f"/apps/{name}", number)
    on_line = say_as_json if wants_json(context, as_json) else say_line
    if follow:
        follow_rollout(server, name, which, on_line=on_line)
    else:
        stored_lines(server, f"/apps/{name}/rollouts/{which}", on_line)


@group.command("diagnosis")
def diagnosis(
    context: typer.Context, number: NumberArgument = None, app: AppOption = None, as_json: JsonOption = False
) -> None:
    """Show what was wrong in the moment in which a rollout failed. `deployer deploy-debug` looks at what is now."""
    server, path = connect(), app_path(context, app)
    found = server.get(f"{path}/rollouts/{_number(server, path, number)}/diagnosis")
    if wants_json(context, as_json):
        say_json(found)
    else:
        say_report(server, found)


@group.command("abort")
def abort(
    context: typer.Context,
    number: NumberArgument = None,
    app: AppOption = None,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a rollout; done when the previous release is back. --json prints it as it is then."""
    server, name, as_json = connect(), app_name(context, app), wants_json(context, as_json)
    which = _number(server, f"/apps/{name}", number)
    ended = server.post(f"/apps/{name}/rollouts/{which}/abort")
    if not as_json:
        say(f"Aborting rollout {which}...")
    if not no_wait:
        ended = follow_rollout(server, name, which, on_line=say_nothing if as_json else None)
    if as_json:
        say_json(ended)
    if no_wait:
        return
    if ended["status"] not in ("cancelled", "rolled_back"):
        raise Failure(f"Rollout {which} was not stopped: it {words(ended['status'])}. {ended['reason']}")
    if not as_json:
        say("OK")


def _row(rollout: dict[str, Any]) -> list[str]:
    return [
        str(rollout["number"]),
        words(rollout["status"]),
        rollout["kind"],
        rollout["release"],
        ago(rollout["created"]),
        rollout["reason"],
    ]


def _number(server: Server, path: str, given: int | None) -> int:
    if given is not None:
        return given
    items = server.get(f"{path}/rollouts", limit=1)["items"]
    if not items:
        raise Failure("There is no rollout yet.")
    return items[0]["number"]
