"""Options that many commands share, and where the app comes from when none is named."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.command.failure import USAGE, Failure

APP_FILE = ".deployer-app"
SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")


def _known_apps(incomplete: str) -> list[str]:
    """For a shell that completes: the names of the apps, or none if they can't be had soon."""
    from deployer.command.completion import names_of_apps

    return names_of_apps(incomplete)


AppOption = Annotated[
    str | None,
    typer.Option(
        "--app",
        "-a",
        metavar="APP",
        help=f"The app; else DEPLOYER_APP, else the file {APP_FILE}.",
        autocompletion=_known_apps,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print IDs only.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=100_000, help="At most so many.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="End the rollout that runs, and go on from there.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why: kept with the rollout.")]
ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE", help="Its ID, R and ten letters.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Print the ID, and don't wait for the end.")]


def remember(context: typer.Context, listing: dict[str, Any] | None = None, **options: Any) -> None:
    """Options given to a group (`deployer releases -a shop info R…`) hold for its command.

    `listing`: those of its `list` alone, by the names of its parameters.
    """
    context.obj = options
    context.default_map = {"list": listing or {}}


def wants_json(context: typer.Context, given: bool) -> bool:
    return given or bool(_remembered(context).get("json"))


def wants_quiet(context: typer.Context, given: bool) -> bool:
    return given or bool(_remembered(context).get("quiet"))


def app_path(context: typer.Context, given: str | None) -> str:
    """The app's address in the API."""
    return f"/apps/{app_name(context, given)}"


def app_name(context: typer.Context, given: str | None) -> str:
    name = given or _remembered(context).get("app") or os.environ.get("DEPLOYER_APP") or _from_file()
    if not name:
        raise Failure(f"Which app? Name it with -a, in DEPLOYER_APP or in a file {APP_FILE}.", status=USAGE)
    return segment(name)


def segment(text: str) -> str:
    """A name, ID or number as part of an address. Raises Failure for what can't be one."""
    if not SEGMENT.match(text):
        raise Failure(f"“{text}” can't be a name or an ID.", status=USAGE)
    return text


def _remembered(context: typer.Context) -> dict[str, Any]:
    return context.obj or {}


def _from_file() -> str:
    """The first line of `.deployer-app` in this folder or the nearest one above."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        try:
            return (folder / APP_FILE).read_text().strip().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError):
            continue
    return ""
