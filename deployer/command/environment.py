"""`env`: list, get, set, unset, edit."""

from typing import Annotated, Any

import typer

from deployer.command.editor import edited
from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.follow import rollout_to_success
from deployer.command.options import (
    AppOption,
    JsonOption,
    NoWaitOption,
    QuietOption,
    app_name,
    app_path,
    remember,
    wants_json,
    wants_quiet,
)
from deployer.command.output import complain, say, say_json, step
from deployer.command.server import Server, connect
from deployer.command.variables import as_line, as_text, parse, read_assignments, read_file

group = typer.Typer(rich_markup_mode=None, add_completion=False)
RevealOption = Annotated[bool, typer.Option("--reveal", help="Show the values. This is written into the audit.")]
StageOption = Annotated[bool, typer.Option("--stage", help="Make a release, and don't promote it.")]


@group.callback(invoke_without_command=True)
def env(
    context: typer.Context,
    app: AppOption = None,
    reveal: RevealOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List, set, unset, edit variables: each change is a release."""
    remember(context, {"reveal": reveal}, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_env(context, app, reveal, as_json, quiet)


@group.command("list")
def list_env(
    context: typer.Context,
    app: AppOption = None,
    reveal: RevealOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the variables of the active release, and what is staged. -q prints their names."""
    found = connect().get(f"{app_path(context, app)}/env", reveal=str(reveal).lower())
    variables = found["variables"]
    if wants_json(context, as_json):
        say_json(found)
        return
    if not variables and not found["staged"]:
        complain("No variables yet: `deployer env set NAME=VALUE` sets the first.")
    for name, value in variables.items():
        say(name if wants_quiet(context, quiet) else as_line(name, value))
    if found["staged"]:
        staged = ", ".join(f"{each['name']} ({each['change']})" for each in found["staged"])
        complain(f"Staged: {staged}")


@group.command("get")
def get_env(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the value of one variable of the active release. This is written into the audit."""
    variables = connect().get(f"{app_path(context, app)}/env", reveal="true")["variables"]
    if name not in variables:
        raise Failure(f"{name} is not set.", status=FAILED)
    if wants_json(context, as_json):
        say_json({"name": name, "value": variables[name]})
    else:
        typer.echo(variables[name])  # as it is, whatever it holds


@group.command("set")
def set_env(
    context: typer.Context,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="- reads lines of NAME=value from stdin.")
    ] = None,
    app: AppOption = None,
    file: Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="A .env file; - reads stdin.")] = "",
    stage: StageOption = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="These are all: variables that aren't named are unset.")
    ] = False,
    no_wait: NoWaitOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set variables: a new release, promoted unless it is staged.

    Others of this machine can read arguments: secrets are better read from a file or from stdin.
    """
    values = (read_file(file) if file else {}) | read_assignments(assignments or [])
    if not values:
        raise Failure("Say what to set: NAME=VALUE, or --file .env, or - for stdin.", status=USAGE)
    server, name, how = _how(context, app, wait=not no_wait, quiet=quiet, as_json=as_json)
    _change(server, name, f"Setting {', '.join(values)}", _wish(values, stage=stage, replace=replace), **how)


@group.command("unset")
def unset_env(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME…")],
    app: AppOption = None,
    stage: StageOption = False,
    no_wait: NoWaitOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Unset variables: a new release, promoted unless it is staged."""
    server, name, how = _how(context, app, wait=not no_wait, quiet=quiet, as_json=as_json)
    _change(server, name, f"Unsetting {', '.join(names)}", {"unset": names, "stage": stage}, **how)


@group.command("edit")
def edit_env(
    context: typer.Context,
    app: AppOption = None,
    stage: StageOption = False,
    no_wait: NoWaitOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Open the variables in $VISUAL or $EDITOR, and make what is saved there the app's.

    The file is yours alone, and removed when the editor ends. Only what you changed is sent. What can't be read or is
    refused comes back to the editor, with the reason in its first line.
    """
    server, name, how = _how(context, app, wait=not no_wait, quiet=quiet, as_json=as_json)
    before = server.get(f"/apps/{name}/env", reveal="true")["variables"]
    head = f"# The variables of {name}, a NAME=value each. Saved without a change, nothing happens.\n"

    def take(saved: str) -> dict[str, Any]:
        wish = _difference(before, parse(saved, "what you saved"))
        parts = (("Setting", list(wish["set"])), ("Unsetting", wish["unset"]))
        title = ", ".join(f"{word} {', '.join(names)}" for word, names in parts if names)
        return (
            _send(server, name, title, wish | {"stage": stage}, quiet=how["quiet"] or how["as_json"]) if title else {}
        )

    changed = edited(head, as_text(before), suffix=".env", take=take)
    if changed:
        _follow(server, name, changed, **how)
    else:
        complain("Nothing has changed.")


def _difference(before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return {"set": changed, "unset": [key for key in before if key not in after]}


def _how(context: typer.Context, app: str | None, *, wait: bool, quiet: bool, as_json: bool) -> Any:
    how = {"wait": wait, "quiet": wants_quiet(context, quiet), "as_json": wants_json(context, as_json)}
    return connect(), app_name(context, app), how


def _wish(values: dict[str, str], *, stage: bool, replace: bool) -> dict[str, Any]:
    return {"variables" if replace else "set": values, "stage": stage}


def _change(
    server: Server, app: str, title: str, wish: dict[str, Any], *, wait: bool, quiet: bool, as_json: bool
) -> None:
    changed = _send(server, app, title, wish, quiet=quiet or as_json)
    _follow(server, app, changed, wait=wait, quiet=quiet, as_json=as_json)


def _send(server: Server, app: str, title: str, wish: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    with step(title, quiet=quiet):
        ask = server.put if "variables" in wish else server.patch
        return ask(f"/apps/{app}/env", wish)


def _follow(server: Server, app: str, changed: dict[str, Any], *, wait: bool, quiet: bool, as_json: bool) -> None:
    silent, release, rollout = quiet or as_json, changed["release"], changed["rollout"]
    if not silent:
        for line in _what_came_of_it(changed, app):
            say(line)
    if rollout is not None and wait:
        if not silent:
            say(f"Promoting {release}...")
        rollout_to_success(server, app, rollout, quiet=silent)
    if as_json:
        say_json(changed)
    elif quiet and release:
        say(release)
    elif rollout is not None and not quiet:
        say("OK" if wait else f"Rollout: {rollout}")


def _what_came_of_it(changed: dict[str, Any], app: str) -> list[str]:
    release = changed["release"]
    if not changed["changed"]:
        return ["Nothing has changed: it was so already."]
    if release is None:
        return ["Staged: the first build gets it."]
    if changed["rollout"] is None:
        return [f"Release: {release}", f"Staged: promote it with `deployer releases promote {release} -a {app}`."]
    return [f"Release: {release}"]
