"""`deploy` and `build`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from deployer.command.failure import REFUSED, Failure
from deployer.command.follow import PATIENCE, follow_rollout, require_success, say_nothing
from deployer.command.options import (
    AppOption,
    JsonOption,
    NoteOption,
    NoWaitOption,
    QuietOption,
    ReplaceOption,
    app_name,
)
from deployer.command.output import say, say_json
from deployer.command.server import Server, connect
from deployer.command.uploads import (
    CommitOption,
    DescriptionOption,
    FolderArgument,
    NoGitIgnoreOption,
    RefOption,
    Source,
    Wish,
    ended_build,
    require_release,
    start_build,
)

LOOK_SECONDS = 0.3


def deploy(
    context: typer.Context,
    folder: FolderArgument = Path(),
    app: AppOption = None,
    description: DescriptionOption = "",
    note: NoteOption = "",
    replace: ReplaceOption = False,
    commit: CommitOption = "",
    ref: RefOption = "",
    no_gitignore: NoGitIgnoreOption = False,
    no_wait: NoWaitOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a folder, or a commit of the app's repository, and promote the release.

    Done when the release is active on every process. It is the server that promotes: a deploy goes on, whatever becomes
    of this command. While another rollout runs, it waits for the end of that.

    What .dockerignore and .gitignore name stays behind, and so do `.git`, `.deployer`, `.venv`, `node_modules` and
    `__pycache__`. -q prints the release's ID, with --no-wait the build's.
    --json prints one object, also when it fails: the build, the release, the rollout, the error.
    """
    course = _Course()
    try:
        source = Source(folder, commit, ref, description, not no_gitignore)
        wish = Wish(promote=True, replace=replace, note=note)
        _deploy(course, connect(), app_name(context, app), source, wish, wait=not no_wait, quiet=quiet, as_json=as_json)
    except Failure as failure:
        if as_json:
            say_json(course.told(failure))
        raise


@dataclass
class _Course:
    """How far a deploy has come: the build and the rollout as last seen."""

    build: dict[str, Any] | None = None
    rollout: dict[str, Any] | None = None

    def told(self, failure: Failure | None = None) -> dict[str, Any]:
        """For a program, whether it succeeded or not."""
        said = [line for line in (failure.message, *failure.details) if line] if failure else []
        error = {"message": said[0] if said else "", "reasons": said[1:], "exit": failure.status} if failure else None
        release = self.build["release"] if self.build else None
        return {"build": self.build, "release": release, "rollout": self.rollout, "error": error}


def _deploy(
    course: _Course, server: Server, app: str, source: Source, wish: Wish, *, wait: bool, quiet: bool, as_json: bool
) -> None:
    silent = quiet or as_json
    started = course.build = start_build(server, app, source, wish, quiet=silent)
    if not wait:
        _say_started(started, as_json=as_json, quiet=quiet)
        return
    ended = course.build = ended_build(server, app, started["id"], quiet=silent)
    require_release(ended)
    made = course.build = _promoted(server, app, ended, quiet=silent)
    if made["refusals"]:
        raise Failure(f"Release {made['release']} was not promoted.", *made["refusals"], status=REFUSED)
    if made["rollout"] is None:
        by_hand = f"deployer releases promote {made['release']} -a {app}"
        raise Failure(f"Release {made['release']} was not promoted: {by_hand}")
    if not silent:
        say(f"Promoting {made['release']}...")
    course.rollout = follow_rollout(server, app, made["rollout"], on_line=say_nothing if silent else None)
    require_success(course.rollout)
    if as_json:
        say_json(course.told())
    else:
        say(made["release"] if quiet else "OK")


def build(
    context: typer.Context,
    folder: FolderArgument = Path(),
    app: AppOption = None,
    description: DescriptionOption = "",
    commit: CommitOption = "",
    ref: RefOption = "",
    no_gitignore: NoGitIgnoreOption = False,
    no_wait: NoWaitOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a folder, or a commit of the app's repository, into a release, and leave it at that.

    -q prints the release's ID, with --no-wait the build's.
    """
    server, name, silent = connect(), app_name(context, app), quiet or as_json
    source = Source(folder, commit, ref, description, not no_gitignore)
    started = start_build(server, name, source, Wish(), quiet=silent)
    if no_wait:
        _say_started(started, as_json=as_json, quiet=quiet)
        return
    made = ended_build(server, name, started["id"], quiet=silent)
    if as_json:
        say_json(made)
    require_release(made)
    if quiet and not as_json:
        say(made["release"])


def _say_started(started: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        say_json(started)
    else:
        say(started["id"] if quiet else f"Build: {started['id']}")


def _promoted(server: Server, app: str, made: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """The build once its release is rolled out or refused: while another rollout runs, that waits for its end."""
    told = False
    while made["rollout"] is None and not made["refusals"]:
        found = server.get(f"/apps/{app}", patience=PATIENCE)
        made = server.get(f"/apps/{app}/builds/{made['id']}", patience=PATIENCE)
        if made["rollout"] is None and found["next"] is None and found["rollout"] is None:
            return server.get(f"/apps/{app}/builds/{made['id']}", patience=PATIENCE)
        if not told and not quiet and (obstacle := _obstacle(found)):
            say(f"Waiting for the end of {obstacle}...")
            told = True
        time.sleep(LOOK_SECONDS)
    return made


def _obstacle(app: dict[str, Any]) -> str:
    """What a promote has to wait for."""
    if rollout := app["rollout"]:
        return f"rollout {rollout['number']} ({rollout['release']})"
    if lock := app["lock"]:
        return f"the lock by {lock['by']} ({lock['reason']})"
    return ""
