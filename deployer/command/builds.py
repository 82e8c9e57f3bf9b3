"""`builds`: list, look, read the log, cancel."""

from typing import Annotated, Any

import typer

from deployer.command.failure import Failure
from deployer.command.follow import follow_build, say_as_json, say_message, say_nothing, stored_lines
from deployer.command.listing import show_list
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    QuietOption,
    app_name,
    app_path,
    remember,
    segment,
    wants_json,
)
from deployer.command.output import ago, facts, say, say_json, size, step, words
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
BuildArgument = Annotated[str, typer.Argument(metavar="BUILD", help="Its ID, B and ten letters.")]


@group.callback(invoke_without_command=True)
def builds(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List builds, look at one, cancel it."""
    remember(context, {"limit": limit}, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_builds(context, app, as_json, quiet, limit)


@group.command("list")
def list_builds(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the builds, the newest first."""
    show_list(
        context,
        connect().items(f"{app_path(context, app)}/builds", limit=limit),
        as_json=as_json,
        quiet=quiet,
        id="id",
        headers=["ID", "STATUS", "RELEASE", "CREATED", "DESCRIPTION"],
        row=_row,
        empty="No builds yet: `deployer build` makes the first, `deployer deploy` promotes it, too.",
    )


@group.command("info")
def info(context: typer.Context, build_id: BuildArgument, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show one build."""
    found = connect().get(f"{app_path(context, app)}/builds/{segment(build_id)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    dirty = " with changes that are in no commit" if found["dirty"] else ""
    pairs = [
        ("Build", found["id"]),
        ("App", found["app"]),
        ("Status", words(found["status"])),
        ("Waits for", found["waiting_for"]),
        ("Reason", found["reason"]),
        ("Hint", found["hint"]),
        ("Release", found["release"] or ""),
        ("Rollout", str(found["rollout"] or "")),
        ("Not promoted", " ".join(found["refusals"])),
        ("Origin", words(found["origin"])),
        ("Repository", found["repository"]),
        ("Ref", found["ref"]),
        ("Commit", found["commit"] + dirty if found["commit"] else ""),
        ("Checks", found["checks_words"]),
        ("Description", found["description"] or found["subject"]),
        ("Note", found["note"]),
        ("Size", size(found["source_bytes"]) if found["source_bytes"] else ""),
        ("Created", ago(found["created"])),
        ("Finished", ago(found["finished"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("logs")
def logs(
    context: typer.Context,
    build_id: BuildArgument,
    app: AppOption = None,
    follow: Annotated[bool, typer.Option(help="Go on until the build is over.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Print a build's log; of one that runs, until it is over. --json prints an object a line."""
    server, name = connect(), app_name(context, app)
    on_line = say_as_json if wants_json(context, as_json) else say_message
    if follow:
        follow_build(server, name, segment(build_id), on_line=on_line)
    else:
        stored_lines(server, f"/apps/{name}/builds/{segment(build_id)}", on_line)


@group.command("cancel")
def cancel(context: typer.Context, build_id: BuildArgument, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Stop a build; done when it is cancelled. --json prints it as it is then."""
    server, name, as_json = connect(), app_name(context, app), wants_json(context, as_json)
    with step(f"Cancelling {build_id}", quiet=as_json):
        server.post(f"/apps/{name}/builds/{segment(build_id)}/cancel")
        ended = follow_build(server, name, segment(build_id), on_line=say_nothing)
        if as_json:
            say_json(ended)
        if ended["status"] != "cancelled":
            raise Failure(f"Too late: build {ended['id']} {words(ended['status'])}.")


def _row(build: dict[str, Any]) -> list[str]:
    return [build["id"], words(build["status"]), build["release"] or "", ago(build["created"]), _title(build)]


def _title(build: dict[str, Any]) -> str:
    commit = build["commit"][:10] + ("+" if build["dirty"] and build["commit"] else "")
    return " ".join(filter(None, [commit, build["description"] or build["subject"]]))
