"""`people`: list, look, add, give a role, let in and shut out."""

import re
import sys
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.listing import show_list
from deployer.command.options import JsonOption, QuietOption, remember, wants_json, wants_quiet
from deployer.command.output import ago, complain, facts, length, say, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)


class Role(StrEnum):
    viewer = "viewer"
    deployer = "deployer"
    administrator = "administrator"


NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
RoleArgument = Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, deployer or administrator.")]
NAME = re.compile(r"[\w.@+-]{1,150}\Z")


@group.callback(invoke_without_command=True)
def people(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List people, add them, give roles."""
    remember(context, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_people(context, as_json, quiet)


@group.command("list")
def list_people(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List everybody, also those who are shut out."""
    show_list(
        context,
        connect().items("/people"),
        as_json=as_json,
        quiet=quiet,
        id="username",
        headers=["NAME", "ROLE", "STATE", "SIGNED IN", "CREATED"],
        row=_row,
        empty="There is nobody yet.",
    )


@group.command("info")
def info(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one person."""
    found = connect().get(_path(name))
    if wants_json(context, as_json):
        say_json(found)
        return
    pairs = [
        ("Name", found["username"]),
        ("Role", found["role"]),
        ("State", _state(found)),
        ("E-mail", found["email"]),
        ("Password", "yes" if found["has_password"] else "no: by a link only"),
        ("Signed in", ago(found["last_sign_in"]) or "never"),
        ("Created", ago(found["created"])),
    ]
    say(facts(pairs))


@group.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    role: Annotated[
        Role, typer.Option("--role", metavar="ROLE", help="viewer, deployer or administrator.")
    ] = Role.viewer,
    email: Annotated[str, typer.Option("--email", metavar="ADDRESS")] = "",
    password: Annotated[
        bool, typer.Option("--password-stdin", help="Read a password from stdin; else they come in by a link.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make somebody known."""
    wanted: dict[str, Any] = {"username": name, "role": role.value, "email": email}
    if password:
        wanted["password"] = sys.stdin.readline().rstrip("\r\n")
    as_json = wants_json(context, as_json)
    with step(f"Adding {name}", quiet=as_json):
        made = connect().post("/people", wanted)
    if as_json:
        say_json(made)
    elif not password:
        complain(f"A link lets them in: deployer people link {name}")


@group.command("role")
def role(context: typer.Context, name: NameArgument, role: RoleArgument, as_json: JsonOption = False) -> None:
    """Give somebody another role."""
    _change(context, f"Making {name} {role.value}", name, {"role": role.value}, as_json)


@group.command("disable")
def disable(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Shut somebody out: their sessions and tokens end at once."""
    _change(context, f"Shutting {name} out", name, {"active": False}, as_json)


@group.command("enable")
def enable(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Let somebody in again."""
    _change(context, f"Letting {name} in", name, {"active": True}, as_json)


@group.command("unlock")
def unlock(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Let somebody who typed a wrong password too often try again at once."""
    as_json, path = wants_json(context, as_json), _path(name)
    with step(f"Unlocking {name}", quiet=as_json):
        connect().post(f"{path}/unlock")
    if as_json:
        say_json({"unlocked": name})


@group.command("link")
def link(context: typer.Context, name: NameArgument, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Print a link that signs somebody in, once. Whoever has it is this person."""
    made = connect().post(f"{_path(name)}/link")
    if wants_json(context, as_json):
        say_json(made)
        return
    if not wants_quiet(context, quiet):
        complain(f"It works once, for {length(made['seconds'])}. Send it to nobody but {name}.")
    say(made["url"])


def _change(context: typer.Context, title: str, name: str, change: dict[str, Any], as_json: bool) -> None:
    as_json, path = wants_json(context, as_json), _path(name)
    with step(title, quiet=as_json):
        changed = connect().patch(path, change)
    if as_json:
        say_json(changed)


def _path(name: str) -> str:
    if not NAME.match(name) or not name.strip("."):
        raise Failure(f"“{name}” can't be a person's name.", status=USAGE)
    return f"/people/{quote(name, safe='')}"


def _row(person: dict[str, Any]) -> list[str]:
    signed_in = ago(person["last_sign_in"]) or "never"
    return [person["username"], person["role"], _state(person), signed_in, ago(person["created"])]


def _state(person: dict[str, Any]) -> str:
    if not person["active"]:
        return "shut out"
    return "locked" if person["locked_until"] else "active"
