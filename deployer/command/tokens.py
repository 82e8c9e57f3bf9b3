"""`tokens`: list, create, revoke."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from deployer.command.listing import show_list
from deployer.command.options import JsonOption, QuietOption, remember, segment, wants_json, wants_quiet
from deployer.command.output import ago, complain, say, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)


class Scope(StrEnum):
    read = "read"
    build = "build"
    promote = "promote"
    admin = "admin"


AllOption = Annotated[bool, typer.Option("--all", help="Everybody's, for administrators.")]


@group.callback(invoke_without_command=True)
def tokens(
    context: typer.Context, everybody: AllOption = False, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List, create, revoke tokens."""
    remember(context, {"everybody": everybody}, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_tokens(context, everybody, as_json, quiet)


@group.command("list")
def list_tokens(
    context: typer.Context, everybody: AllOption = False, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List your tokens that are good. Their secrets are known to nobody."""
    show_list(
        context,
        connect().items("/tokens", all=str(everybody).lower()),
        as_json=as_json,
        quiet=quiet,
        id="prefix",
        headers=["TOKEN", "NAME", "PERSON", "SCOPES", "APPS", "CREATED", "USED", "EXPIRES"],
        row=_row,
        empty="No tokens yet: `deployer tokens create NAME` makes one.",
    )


@group.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scopes: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="read, build, promote or admin; all that you may, if none is named."
        ),
    ] = None,
    apps: Annotated[list[str] | None, typer.Option("--only-app", metavar="APP", help="It reaches no other.")] = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="N", min=1, max=3650, help="How long it is good; else for ever.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a token, and print it: this once. It never gives more than you may yourself. -q prints nothing else."""
    wanted: dict[str, Any] = {
        "name": name,
        "days": days,
        "scopes": [each.value for each in scopes or []] or None,
        "apps": apps or None,
    }
    made = connect().post("/tokens", {key: value for key, value in wanted.items() if value is not None})
    if wants_json(context, as_json):
        say_json(made)
        return
    if not wants_quiet(context, quiet):
        complain("Keep it now: it is not shown again. Scripts take it from DEPLOYER_TOKEN.")
    say(made["token"])


@group.command("revoke")
def revoke(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(metavar="TOKEN", help="Its first part, as `deployer tokens` lists it.")],
    as_json: JsonOption = False,
) -> None:
    """Make a token worthless, at once, and those that were made with it."""
    as_json = wants_json(context, as_json)
    with step(f"Revoking {prefix}", quiet=as_json):
        connect().delete(f"/tokens/{segment(prefix)}")
    if as_json:
        say_json({"revoked": prefix})


def _row(token: dict[str, Any]) -> list[str]:
    return [
        token["prefix"] + (" *" if token["current"] else ""),
        token["name"],
        token["person"],
        ",".join(token["scopes"]),
        "all" if token["apps"] is None else ",".join(token["apps"]),
        ago(token["created"]),
        ago(token["last_used"]) or "never",
        ago(token["expires"]) or "never",
    ]
