"""`members`: who may more in an app than in general."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.listing import show_list
from deployer.command.options import AppOption, JsonOption, QuietOption, app_path, remember, wants_json
from deployer.command.output import ago, say_json, step
from deployer.command.people import NAME, NameArgument
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)


class Role(StrEnum):
    deployer = "deployer"
    administrator = "administrator"


@group.callback(invoke_without_command=True)
def members(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List the members of an app, give them a role there, take it back."""
    remember(context, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_members(context, app, as_json, quiet)


@group.command("list")
def list_members(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List who may more in an app than in general."""
    path = app_path(context, app)
    show_list(
        context,
        connect().items(f"{path}/members"),
        as_json=as_json,
        quiet=quiet,
        id="username",
        headers=["NAME", "ROLE HERE", "IN GENERAL", "STATE", "GIVEN", "BY"],
        row=_row,
        empty="It has no members: everybody may here what they may in general.",
    )


@group.command("set")
def set_member(
    context: typer.Context,
    name: NameArgument,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="deployer or administrator.")],
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody a role in an app. It counts where it is more than their role in general."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step(f"Making {name} {role.value} of {_app(path)}", quiet=as_json):
        given = connect().put(f"{path}/members/{_name(name)}", {"role": role.value})
    if as_json:
        say_json(given)


@group.command("remove")
def remove(context: typer.Context, name: NameArgument, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Take somebody's role in an app back: they may there what they may in general."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step(f"Removing {name} from {_app(path)}", quiet=as_json):
        connect().delete(f"{path}/members/{_name(name)}")
    if as_json:
        say_json({"removed": name})


def _app(path: str) -> str:
    return path.rpartition("/")[2]


def _name(name: str) -> str:
    if not NAME.match(name) or not name.strip("."):
        raise Failure(f"“{name}” can't be a person's name.", status=USAGE)
    return quote(name, safe="")


def _row(member: dict[str, Any]) -> list[str]:
    state = "active" if member["active"] else "shut out"
    return [member["username"], member["role"], member["general_role"], state, ago(member["created"]), member["by"]]
