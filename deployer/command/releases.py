"""`releases`: list, look, promote, roll back."""

import typer

from deployer.command.follow import rollout_to_success
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    NoteOption,
    QuietOption,
    ReplaceOption,
    app_name,
    app_path,
    remember,
    segment,
    wants_json,
)
from deployer.command.output import ago, facts, say, say_json, table, words
from deployer.command.server import connect

group = typer.Typer(help="Releases: list, look, promote, roll back.", rich_markup_mode=None)


@group.callback(invoke_without_command=True)
def releases(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the releases, the newest first."""
    remember(context, app=app, json=as_json)
    if context.invoked_subcommand is None:
        _list(context, app, as_json, quiet, limit)


@group.command("list")
def list_releases(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the releases, the newest first."""
    _list(context, app, as_json, quiet, limit)


def _list(context: typer.Context, app: str | None, as_json: bool, quiet: bool, limit: int) -> None:
    items = connect().get(f"{app_path(context, app)}/releases", limit=limit)["items"]
    if wants_json(context, as_json):
        say_json(items)
    elif quiet:
        for item in items:
            say(item["id"])
    else:
        rows = [
            [item["id"], words(item["status"]), item["build"], ago(item["created"]), item["description"]]
            for item in items
        ]
        say(table(["ID", "STATUS", "BUILD", "CREATED", "DESCRIPTION"], rows))


@group.command("info")
def info(context: typer.Context, release_id: str, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show one release."""
    found = connect().get(f"{app_path(context, app)}/releases/{segment(release_id)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    pairs = [
        ("Release", found["id"]),
        ("App", found["app"]),
        ("Status", words(found["status"])),
        ("Build", found["build"]),
        ("Copy of", found["rolled_back_to"] or ""),
        ("Last rollout", str(found["rollout"] or "")),
        ("Description", found["description"]),
        ("Services", ", ".join(found["services"])),
        ("Variables", ", ".join(found["variables"])),
        ("Missing", ", ".join(found["missing_variables"])),
        ("Created", ago(found["created"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("promote")
def promote(
    context: typer.Context,
    release_id: str,
    app: AppOption = None,
    note: NoteOption = "",
    replace: ReplaceOption = False,
) -> None:
    """Make a release the active one; done when every process runs it."""
    server, name = connect(), app_name(context, app)
    why = {"note": note, "replace": replace}
    rollout = server.post(f"/apps/{name}/releases/{segment(release_id)}/promote", why)
    say(f"Promoting {rollout['release']}...")
    rollout_to_success(server, name, rollout["number"])
    say("OK")


@group.command("rollback")
def rollback(
    context: typer.Context,
    release_id: str,
    app: AppOption = None,
    note: NoteOption = "",
    replace: ReplaceOption = False,
) -> None:
    """Copy an older release and promote the copy; done when every process runs it."""
    server, name = connect(), app_name(context, app)
    why = {"note": note, "replace": replace}
    made = server.post(f"/apps/{name}/releases/{segment(release_id)}/rollback", why)
    say(f"Rolling back to {made['release']['rolled_back_to']}...")
    rollout_to_success(server, name, made["rollout"]["number"])
    say(f"OK, {made['release']['id']}")
