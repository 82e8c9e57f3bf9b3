"""`registries`: list, look, add, change, test, choose, remove."""

from typing import Annotated, Any

import typer

from deployer.command.confirm import YesOption, confirm
from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.findings import say_findings
from deployer.command.listing import show_list
from deployer.command.options import AppOption, JsonOption, QuietOption, app_path, remember, segment, wants_json
from deployer.command.output import ago, facts, say, say_json, step
from deployer.command.secret import read_secret
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
UsernameOption = Annotated[
    str | None, typer.Option("--username", "-u", metavar="NAME", help='"" takes the login away.')
]
PasswordOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password, or token, from stdin.")]
DefaultOption = Annotated[bool, typer.Option("--default", help="Images of apps that name no registry go there.")]


@group.callback(invoke_without_command=True)
def registries(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List registries, add, change, test, choose, remove."""
    remember(context, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_registries(context, as_json, quiet)


@group.command("list")
def list_registries(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the registries."""
    show_list(
        context,
        connect().get("/registries"),
        as_json=as_json,
        quiet=quiet,
        id="name",
        headers=["REGISTRY", "ADDRESS", "USER", "DEFAULT", "STATE", "PROBLEM"],
        row=_row,
        empty="No registries yet: `deployer registries add` makes the first known.",
    )


@group.command("info")
def info(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one registry. Its password is never shown."""
    found = connect().get(f"/registries/{segment(name)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    pairs = [
        ("Name", found["name"]),
        ("Address", found["address"]),
        ("User", found["username"]),
        ("Default", _default(found)),
        ("State", found["state"]),
        ("Problem", found["problem"]),
        ("Since", ago(found["problem_since"])),
        ("Hint", found["hint"]),
        ("Checked", ago(found["checked"])),
        ("Apps", str(found["apps"])),
        ("Created", ago(found["created"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    address: Annotated[str, typer.Argument(metavar="HOST[:PORT][/PATH]", help="Without a scheme.")],
    username: UsernameOption = None,
    password: PasswordOption = False,
    default: DefaultOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a registry known: images of builds go there, and clusters pull them from there."""
    wanted = {"name": name, "address": address, "is_default": default} | _login(username, password)
    server = connect()
    if wants_json(context, as_json):
        say_json(server.post("/registries", wanted))
        return
    with step(f"Adding {name}"):
        server.post("/registries", wanted)
    say(f"Try it with `deployer registries test {name}`.")


@group.command("change")
def change(
    context: typer.Context,
    name: NameArgument,
    address: Annotated[str, typer.Option("--address", metavar="HOST[:PORT][/PATH]")] = "",
    username: UsernameOption = None,
    password: PasswordOption = False,
    default: DefaultOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a registry another login, which clusters get at once; or make it the default."""
    changes: dict[str, Any] = _login(username, password) | ({"address": address} if address else {})
    if default:
        changes["is_default"] = True
    if not changes:
        raise Failure("Say what is to change: see --help.", status=USAGE)
    server, path = connect(), f"/registries/{segment(name)}"
    if wants_json(context, as_json):
        say_json(server.patch(path, changes))
        return
    with step(f"Changing {name}"):
        changed = server.patch(path, changes)
    for words in changed["said"]:
        say(words)


@group.command("test")
def test(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Ask a registry now: whether it answers, takes the login, and may be pushed to."""
    found = connect().post(f"/registries/{segment(name)}/test")
    if wants_json(context, as_json):
        say_json(found)
    else:
        say_findings(found)
    if not found["ok"]:
        raise Failure(found["problem"], status=FAILED)


@group.command("use")
def use(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="None: the default one.")] = "",
    app: AppOption = None,
) -> None:
    """Choose where the images of an app's next builds go."""
    path = app_path(context, app)
    with step(f"Choosing {name or 'the default registry'}"):
        connect().put(f"{path}/registry", {"registry": name})


@group.command("remove")
def remove(name: NameArgument, yes: YesOption = False) -> None:
    """Have Deployer forget a registry. The images in it stay."""
    target = segment(name)
    warning = f"This has Deployer forget {target}. The images in it stay."
    confirm(target, yes=yes, warning=warning, otherwise="nothing was removed")
    with step(f"Removing {target}"):
        connect().delete(f"/registries/{target}")


def _row(each: dict[str, Any]) -> list[str]:
    return [each["name"], each["address"], each["username"], _default(each), each["state"], each["problem"]]


def _default(found: dict[str, Any]) -> str:
    return "yes" if found["is_default"] else ""


def _login(username: str | None, password: bool) -> dict[str, str]:
    given = {} if username is None else {"username": username}
    return given | ({"password": read_secret("-", what="password")} if password else {})
