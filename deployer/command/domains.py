"""`domains`: an app's own hosts, beside those of its manifest."""

import re
from typing import Annotated, Any

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.listing import show_list
from deployer.command.options import AppOption, JsonOption, QuietOption, app_path, remember, wants_json
from deployer.command.output import ago, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
HOST = re.compile(r"[A-Za-z0-9*._-]{1,253}\Z")
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="www.example.com, say.")]


@group.callback(invoke_without_command=True)
def domains(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List, add, remove the hosts that an app answers to."""
    remember(context, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_domains(context, app, as_json, quiet)


@group.command("list")
def list_domains(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List the hosts that an app answers to: its own, and its manifest's."""
    path = app_path(context, app)
    show_list(
        context,
        connect().get(f"{path}/domains"),
        as_json=as_json,
        quiet=quiet,
        id="host",
        headers=["HOST", "SERVICE", "FROM", "CREATED", "BY"],
        row=_row,
        empty="No domains yet: `deployer domains add HOST` adds one, and so does the manifest.",
    )


@group.command("add")
def add(
    context: typer.Context,
    host: HostArgument,
    app: AppOption = None,
    service: Annotated[str, typer.Option("--service", "-s", metavar="SERVICE", help="Which one answers.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Have an app answer to a host. It does so at once, and through later releases."""
    server, path, as_json = connect(), app_path(context, app), wants_json(context, as_json)
    wanted = {"host": host} | ({"service": service} if service else {})
    with step(f"Adding {host}", quiet=as_json):
        added = server.post(f"{path}/domains", wanted)
    if as_json:
        say_json(added)


@group.command("remove")
def remove(context: typer.Context, host: HostArgument, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Have an app no longer answer to a host of its own."""
    if not HOST.match(host):
        raise Failure(f"“{host}” can't be a host.", status=USAGE)
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step(f"Removing {host}", quiet=as_json):
        connect().delete(f"{path}/domains/{host}")
    if as_json:
        say_json({"removed": host})


def _row(domain: dict[str, Any]) -> list[str]:
    return [domain["host"], domain["service"], domain["source"], ago(domain["created"]), domain["by"] or ""]
