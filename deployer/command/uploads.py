"""Make a build of a folder or of a commit, and follow it to its release."""

import tempfile
from collections import deque
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from deployer.command.failure import REFUSED, USAGE, Failure
from deployer.command.follow import Line, follow_build, say_message, say_nothing
from deployer.command.git import commit_of
from deployer.command.output import complain, say, size, step, words
from deployer.command.server import Server
from deployer.command.source import pack
from deployer.command.terminal import bar, is_terminal, paint

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the source.", show_default=True)]
CommitOption = Annotated[
    str, typer.Option("--commit", metavar="COMMIT", help="Of the app's repository: 7 to 40 digits of its name.")
]
RefOption = Annotated[str, typer.Option("--ref", metavar="REF", help="A branch or tag of the app's repository.")]
DescriptionOption = Annotated[
    str, typer.Option("--description", metavar="TEXT", help="What this is, instead of the commit's subject.")
]
NoGitIgnoreOption = Annotated[bool, typer.Option("--no-gitignore", help="Also pack what .gitignore leaves out.")]


class Source(NamedTuple):
    """A folder, which is packed and sent; or a commit or ref, which the server fetches."""

    folder: Path
    commit: str = ""
    ref: str = ""
    description: str = ""
    gitignore: bool = True


class Wish(NamedTuple):
    """What is to become of the build's release."""

    promote: bool = False
    replace: bool = False
    note: str = ""


def start_build(server: Server, app: str, source: Source, wish: Wish, *, quiet: bool) -> dict[str, Any]:
    """The build as it is when the server has taken it."""
    if source.commit and source.ref:
        raise Failure("A branch or tag, or a commit: name one of them.", status=USAGE)
    if source.commit or source.ref:
        if source.folder != Path():
            message = "A folder is uploaded, a commit is fetched from the app's repository: name one of them."
            raise Failure(message, status=USAGE)
        wanted = {"commit": source.commit, "ref": source.ref, "description": source.description[:300]}
        started = server.post(f"/apps/{app}/builds", wanted | wish._asdict(), once=True)
    else:
        _require(server, app, wish)
        started = _upload(server, app, source, wish, quiet=quiet)
    if not quiet:
        say(f"Starting build... {paint('OK', 'green')}")
    return started


def ended_build(server: Server, app: str, build_id: str, *, quiet: bool) -> dict[str, Any]:
    """The build when it is over."""
    last: deque[str] = deque(maxlen=50)

    def on_line(line: Line) -> None:
        last.append(line["message"])
        say_message(line)

    made = follow_build(server, app, build_id, on_line=say_nothing if quiet else on_line)
    for result in (f"Build: {made['id']}", f"Release: {made['release']}") if made["status"] == "succeeded" else ():
        if not quiet and result not in last:  # the log's own last lines may say so already
            say(result)
    return made


def require_release(made: dict[str, Any]) -> None:
    """Of a build that is over. Raises Failure."""
    if made["status"] != "succeeded":
        hint = [f"Hint: {made['hint']}"] if made["hint"] else []
        raise Failure(f"Build {made['id']} {words(made['status'])}: {made['reason'] or 'no reason was given.'}", *hint)


def _require(server: Server, app: str, wish: Wish) -> None:
    """Who has named a wrong app, or may not do it, learns that before all is packed and sent. Raises Failure."""
    me = server.get("/me")
    needed = ["create_build", *(["promote"] if wish.promote else [])]
    reasons = [words for action in needed for words in me.get("withheld", {}).get(action, [])]
    if reasons:
        raise Failure(*reasons, status=REFUSED)
    if app not in (me["apps"] or []):  # a token for some apps names those that are there
        server.get(f"/apps/{app}/lock")


def _upload(server: Server, app: str, source: Source, wish: Wish, *, quiet: bool) -> dict[str, Any]:
    with tempfile.TemporaryFile(prefix="deployer-source-") as archive:
        with step("Packaging source", quiet=quiet):
            packed = pack(source.folder, into=archive, gitignore=source.gitignore)
            commit = commit_of(source.folder)
        if not quiet:
            complain(f"{packed.files} {'file' if packed.files == 1 else 'files'}, {size(packed.bytes)} packed")
        form = {
            "description": source.description[:300],
            "commit": commit.id,
            "subject": commit.subject[:200],
            "dirty": _word(commit.dirty),
            "note": wish.note,
            "promote": _word(wish.promote),
            "replace": _word(wish.replace),
        }
        shown = is_terminal() and not quiet
        with (
            step("Uploading source", quiet=quiet or shown),
            bar("Uploading source", archive, packed.bytes, shown=shown) as content,
        ):
            started = server.upload(f"/apps/{app}/builds", content, **form)
    if shown:
        say(f"Uploading source... {paint('OK', 'green')}")
    return started


def _word(value: bool) -> str:
    return str(value).lower()
