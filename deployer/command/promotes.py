"""`releases promote` and `releases rollback`: start a rollout and follow it."""

from typing import Any

import typer

from deployer.command.follow import rollout_to_success
from deployer.command.options import (
    AppOption,
    JsonOption,
    NoteOption,
    NoWaitOption,
    QuietOption,
    ReleaseArgument,
    ReplaceOption,
    app_name,
    segment,
    wants_json,
    wants_quiet,
)
from deployer.command.output import say, say_json
from deployer.command.server import Server, connect


def promote(
    context: typer.Context,
    release_id: ReleaseArgument,
    app: AppOption = None,
    note: NoteOption = "",
    replace: ReplaceOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a release the active one; done when every process runs it. -q prints the rollout's number."""
    server, name = connect(), app_name(context, app)
    why = {"note": note, "replace": replace}
    rollout = server.post(f"/apps/{name}/releases/{segment(release_id)}/promote", why, once=True)
    as_json, quiet = wants_json(context, as_json), wants_quiet(context, quiet)
    carry_through(server, rollout, wait=not no_wait, as_json=as_json, quiet=quiet)


def carry_through(
    server: Server, rollout: dict[str, Any], *, wait: bool, as_json: bool, quiet: bool, named: bool = False
) -> None:
    """Follow a rollout that has begun to its success, or say which one it is. Raises Failure.

    `named`: an ID was printed already, so that -q prints no other.
    """
    if not quiet and not as_json:
        say(f"Promoting {rollout['release']}..." if wait else f"Rollout: {rollout['number']}")
    if wait:
        rollout = rollout_to_success(server, rollout["app"], rollout["number"], quiet=quiet or as_json)
    if as_json:
        say_json(rollout)
    elif quiet:
        if not named:
            say(str(rollout["number"]))
    elif wait:
        say("OK")


def rollback(
    context: typer.Context,
    release_id: ReleaseArgument,
    app: AppOption = None,
    note: NoteOption = "",
    replace: ReplaceOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy an older release and promote the copy; done when every process runs it. -q prints the copy's ID."""
    server, name = connect(), app_name(context, app)
    as_json, quiet = wants_json(context, as_json), wants_quiet(context, quiet)
    why = {"note": note, "replace": replace}
    made = server.post(f"/apps/{name}/releases/{segment(release_id)}/rollback", why, once=True)
    copy, number = made["release"]["id"], made["rollout"]["number"]
    if not quiet and not as_json:
        say(f"Rolling back to {made['release']['rolled_back_to']}...")
    if not no_wait:
        made["rollout"] = rollout_to_success(server, name, number, quiet=quiet or as_json)
    if as_json:
        say_json(made)
    elif quiet:
        say(copy)
    else:
        say(f"Release: {copy}\nRollout: {number}" if no_wait else f"OK, {copy}")
