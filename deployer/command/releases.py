"""`releases`: list, look, compare, create; `promotes.py` has the rest."""

from typing import Annotated, Any

import typer

from deployer.command import promotes
from deployer.command.differences import say_differences
from deployer.command.failure import USAGE, Failure
from deployer.command.listing import show_list
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    NoteOption,
    NoWaitOption,
    QuietOption,
    ReleaseArgument,
    ReplaceOption,
    app_name,
    app_path,
    remember,
    segment,
    wants_json,
    wants_quiet,
)
from deployer.command.output import ago, facts, say, say_json, words
from deployer.command.server import connect
from deployer.command.variables import read_assignments

group = typer.Typer(rich_markup_mode=None, add_completion=False)
# How a release's last rollout stands, unless it succeeded; or that the release is the active one.
STATUSES = [
    *("active", "queued", "releasing", "rolling", "paused"),
    *("rolling_back", "rolled_back", "failed", "cancelled", "superseded"),
]
StatusOption = Annotated[str, typer.Option("--status", metavar="STATUS", help="Only these: active, failed, …")]
BuildOption = Annotated[str, typer.Option("--build", metavar="BUILD", help="Only those of this build.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Only what this person or token made.")]
SearchOption = Annotated[str, typer.Option("--search", metavar="WORDS", help="Only those that have these words.")]


@group.callback(invoke_without_command=True)
def releases(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
    status: StatusOption = "",
    build: BuildOption = "",
    by: ByOption = "",
    search: SearchOption = "",
) -> None:
    """List releases, compare them, promote, roll back."""
    listing = {"limit": limit, "status": status, "build": build, "by": by, "search": search}
    remember(context, listing, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_releases(context, app, as_json, quiet, limit, status, build, by, search)


@group.command("list")
def list_releases(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
    status: StatusOption = "",
    build: BuildOption = "",
    by: ByOption = "",
    search: SearchOption = "",
) -> None:
    """List the releases, the newest first."""
    status = status.replace(" ", "_")
    if status and status not in STATUSES:
        raise Failure(f"“{status}” is no status: {', '.join(map(words, STATUSES))} are.", status=USAGE)
    asked = {"status": status, "build": build, "by": by, "search": search}
    filters = {name: value for name, value in asked.items() if value}
    show_list(
        context,
        connect().items(f"{app_path(context, app)}/releases", limit=limit, **filters),
        as_json=as_json,
        quiet=quiet,
        id="id",
        headers=["ID", "STATUS", "BUILD", "CREATED", "DESCRIPTION"],
        row=_row,
        empty="No release is like that." if filters else "No releases yet: `deployer deploy` makes the first.",
    )


@group.command("info")
def info(
    context: typer.Context, release_id: ReleaseArgument, app: AppOption = None, as_json: JsonOption = False
) -> None:
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


@group.command("manifest")
def manifest(
    context: typer.Context, release_id: ReleaseArgument, app: AppOption = None, as_json: JsonOption = False
) -> None:
    """Print a release's manifest."""
    found = connect().get(f"{app_path(context, app)}/releases/{segment(release_id)}/manifest")
    if wants_json(context, as_json):
        say_json(found["manifest"])
    else:
        say(found["yaml"].rstrip("\n"))


@group.command("diff")
def diff(
    context: typer.Context,
    release_id: ReleaseArgument,
    other: Annotated[str, typer.Argument(metavar="[OTHER]", help="The active release, if none is named.")] = "",
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a release changes, compared with another.

    The build and its commit, the images, the variables by name, the lines of the manifest.
    """
    path = app_path(context, app)
    wanted: dict[str, Any] = {"with": segment(other)} if other else {}
    found = connect().get(f"{path}/releases/{segment(release_id)}/diff", **wanted)
    if wants_json(context, as_json):
        say_json(found)
    else:
        say_differences(found)


@group.command("create")
def create(
    context: typer.Context,
    build: Annotated[str, typer.Option("--build", metavar="BUILD", help="Of which build.")],
    app: AppOption = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME=VALUE", help="Set this variable; - reads them from stdin."),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Leave this variable out.")] = None,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is.")] = "",
    promote: Annotated[bool, typer.Option("--promote", help="And promote it.")] = False,
    note: NoteOption = "",
    replace: ReplaceOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a release of a build and the app's variables."""
    wanted: dict[str, Any] = {"build": segment(build), "description": description, "promote": promote}
    if assignments or unset:
        wanted["env"] = {"set": read_assignments(assignments or []), "unset": unset or []}
    server, name = connect(), app_name(context, app)
    made = server.post(f"/apps/{name}/releases", wanted | {"note": note, "replace": replace}, once=True)
    as_json, quiet = wants_json(context, as_json), wants_quiet(context, quiet)
    if as_json and not promote:
        say_json(made)
    elif quiet:
        say(made["id"])
    elif not as_json:
        say(f"Release: {made['id']}")
    if promote:
        rollout = server.get(f"/apps/{name}/rollouts/{made['rollout']}")
        promotes.carry_through(server, rollout, wait=not no_wait, as_json=as_json, quiet=quiet, named=True)


group.command("promote")(promotes.promote)
group.command("rollback")(promotes.rollback)


def _row(release: dict[str, Any]) -> list[str]:
    created = ago(release["created"])
    return [release["id"], words(release["status"]), release["build"], created, release["description"]]
