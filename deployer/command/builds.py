"""`deploy`, `build` and `builds`."""

import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.command.failure import REFUSED, Failure
from deployer.command.follow import (
    PATIENCE,
    Line,
    follow_build,
    rollout_to_success,
    say_message,
    say_nothing,
    stored_lines,
)
from deployer.command.options import (
    AppOption,
    JsonOption,
    LimitOption,
    NoteOption,
    QuietOption,
    ReplaceOption,
    app_name,
    app_path,
    remember,
    segment,
    wants_json,
)
from deployer.command.output import ago, facts, say, say_json, step, table, words
from deployer.command.server import Server, connect
from deployer.command.source import commit_of, pack

LOOK_SECONDS = 0.3
group = typer.Typer(help="Builds: list, look, cancel.", rich_markup_mode=None)
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the source.", show_default=True)]
CommitOption = Annotated[str, typer.Option("--commit", help="Of the app's repository: 7 to 40 digits of its name.")]
RefOption = Annotated[str, typer.Option("--ref", help="A branch or tag of the app's repository.")]
DescriptionOption = Annotated[str, typer.Option("--description", help="What this is, instead of the commit's subject.")]


def deploy(
    context: typer.Context,
    folder: FolderArgument = Path(),
    app: AppOption = None,
    description: DescriptionOption = "",
    note: NoteOption = "",
    replace: ReplaceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build a folder and promote the release; done when it is active on every process."""
    server, name = connect(), app_name(context, app)
    wanted = {"promote": True, "replace": replace, "note": note}
    made = _promoted(server, name, _build(server, name, folder, wanted, description=description, quiet=quiet))
    if made["refusals"]:
        raise Failure(f"Release {made['release']} was not promoted.", *made["refusals"], status=REFUSED)
    if made["rollout"] is None:
        raise Failure(
            f"Release {made['release']} was not promoted: deployer releases promote {made['release']} -a {name}"
        )
    say(f"Promoting {made['release']}...")
    rollout_to_success(server, name, made["rollout"], quiet=quiet)
    say("OK")


def build(
    context: typer.Context,
    folder: FolderArgument = Path(),
    app: AppOption = None,
    description: DescriptionOption = "",
    quiet: QuietOption = False,
    commit: CommitOption = "",
    ref: RefOption = "",
) -> None:
    """Build a folder, or a commit of the app's repository, into a release, and leave it at that."""
    server, name = connect(), app_name(context, app)
    if not commit and not ref:
        _build(server, name, folder, {}, description=description, quiet=quiet)
        return
    if folder != Path():
        raise Failure(
            "A folder is uploaded, a commit is fetched from the app's repository: name one of them.", status=2
        )
    wanted = {"commit": commit, "ref": ref, "description": description[:300]}
    started = server.post(f"/apps/{name}/builds", wanted)
    say("Starting build... OK")
    _follow(server, name, started["id"], quiet=quiet)


def _promoted(server: Server, app: str, made: dict[str, Any]) -> dict[str, Any]:
    """The build once its release is rolled out or refused: while another rollout runs, that waits for its end."""
    told = False
    while made["rollout"] is None and not made["refusals"]:
        found = server.get(f"/apps/{app}", patience=PATIENCE)
        made = server.get(f"/apps/{app}/builds/{made['id']}", patience=PATIENCE)
        if made["rollout"] is None and found["next"] is None and found["rollout"] is None:
            return server.get(f"/apps/{app}/builds/{made['id']}", patience=PATIENCE)
        if not told and found["rollout"]:
            say(f"Waiting for the end of rollout {found['rollout']['number']} ({found['rollout']['release']})...")
            told = True
        time.sleep(LOOK_SECONDS)
    return made


def _build(
    server: Server, app: str, folder: Path, wanted: dict[str, Any], *, description: str, quiet: bool
) -> dict[str, Any]:
    """Pack, upload, follow. Gives the build with its release; raises Failure unless it succeeded.

    `wanted`: what is to become of its release: promote, replace, note.
    """
    started = _upload(server, app, folder, wanted, description=description)
    return _follow(server, app, started["id"], quiet=quiet)


def _follow(server: Server, app: str, build_id: str, *, quiet: bool) -> dict[str, Any]:
    """Until it is over. Gives the build with its release; raises Failure unless it succeeded."""
    last: deque[str] = deque(maxlen=50)

    def on_line(line: Line) -> None:
        last.append(line["message"])
        (say_nothing if quiet else say_message)(line)

    made = follow_build(server, app, build_id, on_line=on_line)
    if made["status"] != "succeeded":
        raise Failure(f"Build {made['id']} {words(made['status'])}: {made['reason'] or 'no reason was given.'}")
    for result in (f"Build: {made['id']}", f"Release: {made['release']}"):
        if quiet or result not in last:  # the log's own last lines may say so already
            say(result)
    return made


def _upload(server: Server, app: str, folder: Path, wanted: dict[str, Any], *, description: str) -> dict[str, Any]:
    with tempfile.TemporaryFile(prefix="deployer-source-") as archive:
        with step("Packaging source"):
            pack(folder, into=archive)
            commit = commit_of(folder)
        with step("Uploading source"):
            started = server.upload(
                f"/apps/{app}/builds",
                archive,
                description=description[:300],
                note=wanted.get("note", ""),
                commit=commit.id,
                subject=commit.subject[:200],
                dirty=str(commit.dirty).lower(),
                promote=str(wanted.get("promote", False)).lower(),
                replace=str(wanted.get("replace", False)).lower(),
            )
    say("Starting build... OK")
    return started


@group.callback(invoke_without_command=True)
def builds(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the builds, the newest first."""
    remember(context, app=app, json=as_json)
    if context.invoked_subcommand is None:
        _list(context, app, as_json, quiet, limit)


@group.command("list")
def list_builds(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List the builds, the newest first."""
    _list(context, app, as_json, quiet, limit)


def _list(context: typer.Context, app: str | None, as_json: bool, quiet: bool, limit: int) -> None:
    items = connect().get(f"{app_path(context, app)}/builds", limit=limit)["items"]
    if wants_json(context, as_json):
        say_json(items)
    elif quiet:
        for item in items:
            say(item["id"])
    else:
        rows = [
            [item["id"], words(item["status"]), item["release"] or "", ago(item["created"]), _title(item)]
            for item in items
        ]
        say(table(["ID", "STATUS", "RELEASE", "CREATED", "DESCRIPTION"], rows))


@group.command("info")
def info(context: typer.Context, build_id: str, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show one build."""
    found = connect().get(f"{app_path(context, app)}/builds/{segment(build_id)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    dirty = " with changes that are in no commit" if found["dirty"] else ""
    pairs = [
        ("Build", found["id"]),
        ("App", found["app"]),
        ("Status", words(found["status"])),
        ("Reason", found["reason"]),
        ("Release", found["release"] or ""),
        ("Rollout", str(found["rollout"] or "")),
        ("Not promoted", " ".join(found["refusals"])),
        ("Commit", found["commit"] + dirty if found["commit"] else ""),
        ("Description", found["description"] or found["subject"]),
        ("Created", ago(found["created"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("logs")
def logs(
    context: typer.Context,
    build_id: str,
    app: AppOption = None,
    follow: Annotated[bool, typer.Option(help="Go on until the build is over.")] = True,
) -> None:
    """Print a build's log; of one that runs, until it is over."""
    server, name = connect(), app_name(context, app)
    if follow:
        follow_build(server, name, segment(build_id))
    else:
        stored_lines(server, f"/apps/{name}/builds/{segment(build_id)}", say_message)


@group.command("cancel")
def cancel(context: typer.Context, build_id: str, app: AppOption = None) -> None:
    """Stop a build; done when it is cancelled."""
    server, name = connect(), app_name(context, app)
    with step(f"Cancelling {build_id}"):
        server.post(f"/apps/{name}/builds/{segment(build_id)}/cancel")
        ended = follow_build(server, name, segment(build_id), on_line=say_nothing)
        if ended["status"] != "cancelled":
            raise Failure(f"Too late: build {ended['id']} {words(ended['status'])}.")


def _title(item: dict[str, Any]) -> str:
    commit = item["commit"][:10] + ("+" if item["dirty"] and item["commit"] else "")
    return " ".join(filter(None, [commit, item["description"] or item["subject"]]))
