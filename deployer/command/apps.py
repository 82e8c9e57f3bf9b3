"""`apps`: list, create, look, delete."""

from typing import Annotated, Any

import typer

from deployer.command.confirm import YesOption, confirm
from deployer.command.listing import show_list
from deployer.command.options import (
    AppOption,
    JsonOption,
    QuietOption,
    app_name,
    remember,
    segment,
    wants_json,
    wants_quiet,
)
from deployer.command.output import ago, complain, facts, say, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
NameArgument = Annotated[str | None, typer.Argument(metavar="NAME")]


@group.callback(invoke_without_command=True)
def apps(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List apps, create, look, delete."""
    remember(context, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_apps(context, as_json, quiet)


@group.command("list")
def list_apps(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the apps."""
    show_list(
        context,
        connect().items("/apps"),
        as_json=as_json,
        quiet=quiet,
        id="name",
        headers=["APP", "STATUS", "RELEASE", "CLUSTER", "CREATED"],
        row=_row,
        empty="No apps yet: `deployer apps create NAME` makes the first.",
    )


@group.command("create")
def create(
    context: typer.Context,
    name: NameArgument = None,
    app: AppOption = None,
    cluster: Annotated[str, typer.Option("--cluster", help="Where it lives, when there are several.")] = "",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Create an app. -q prints its name only."""
    # Sent as it is, so that the server says what is wrong with a name.
    wanted = name or app or app_name(context, None)
    document = {"name": wanted} | ({"cluster": cluster} if cluster else {})
    as_json, quiet = wants_json(context, as_json), wants_quiet(context, quiet)
    with step(f"Creating {wanted}", quiet=as_json or quiet):
        made = connect().post("/apps", document)
    if as_json:
        say_json(made)
    elif quiet:
        say(made["name"])


@group.command("info")
def info(context: typer.Context, name: NameArgument = None, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show one app."""
    found = connect().get(f"/apps/{app_name(context, name or app)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    rollout = found["rollout"]
    running = f"{rollout['number']} ({rollout['release']}, {rollout['status'].replace('_', ' ')})" if rollout else ""
    pairs = [
        ("Name", found["name"]),
        ("Status", found["status"]),
        ("Cluster", _cluster(found)),
        ("URL", " ".join(found["urls"])),
        ("Release", found["release"] or ""),
        ("Rollout", running),
        ("Next", found["next"] or ""),
        ("Locked", _lock(found)),
        ("Processes", _processes(found)),
        ("Created", ago(found["created"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("delete")
def delete(
    context: typer.Context,
    name: NameArgument = None,
    app: AppOption = None,
    yes: YesOption = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Also when its cluster doesn't answer: what is there stays there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an app: what runs, its volumes with all that is in them, its history."""
    as_json = wants_json(context, as_json)
    target = segment(name or app_name(context, app))
    warning = f"This deletes {target}: what runs, its volumes with all that is in them, its history."
    confirm(target, yes=yes, warning=warning, otherwise="nothing was deleted")
    with step(f"Deleting {target}", quiet=as_json):
        answer = connect().delete(f"/apps/{target}", confirm=target, abandon=str(abandon).lower())
    left = (answer or {}).get("left", [])
    if as_json:
        say_json({"deleted": target, "left": left})
    else:
        complain(*left)


def _row(app: dict[str, Any]) -> list[str]:
    status = f"{app['status']} (locked)" if app.get("lock") else app["status"]
    return [app["name"], status, app["release"] or "", app["cluster_name"], ago(app["created"])]


def _lock(found: dict[str, Any]) -> str:
    lock = found.get("lock")
    if not lock:
        return ""
    return " ".join(
        filter(None, [lock["reason"], f"by {lock['by']}", lock["until"] and f"(ends {ago(lock['until'])})"])
    )


def _cluster(found: dict[str, Any]) -> str:
    name, version, problem = found["cluster_name"], found["cluster_version"], found["cluster_problem"]
    return f"{name}{f' ({version})' if version else ''}{f': {problem}' if problem else ''}"


def _processes(found: dict[str, Any]) -> str:
    if found["processes"] is None:
        return f"not known: {found['cluster']}"
    return ", ".join(f"{each['service']} {each['ready']}/{each['total']}" for each in found["processes"])
