"""`completion`: what a shell runs to complete this command's words."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from deployer.command.commands import COMPLETION_VARIABLE, PROGRAM
from deployer.command.failure import Failure
from deployer.command.output import say
from deployer.login_file import LoginFileError

# Whoever presses Tab does not wait longer for names.
SECONDS = 2


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a shell's script of completion.

    bash: put `source <(deployer completion bash)` into ~/.bashrc;
    zsh: the same with `zsh` into ~/.zshrc, after compinit;
    fish: `deployer completion fish > ~/.config/fish/completions/deployer.fish`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    say(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, shell=shell.value))


def names_of_apps(incomplete: str) -> list[str]:
    """Those that begin so; none where there is no server, and not all where it takes long."""
    import httpx

    from deployer.command.server import PAGE, connect

    names: list[str] = []
    query: dict[str, str | int] = {"limit": PAGE}
    deadline = time.monotonic() + SECONDS
    try:
        http = connect().http
        while query and (left := deadline - time.monotonic()) > 0:
            page = http.get("/apps", params=query, timeout=left).raise_for_status().json()
            names += [app["name"] for app in page["items"]]
            query = {"limit": PAGE, "cursor": page["next"]} if page["next"] else {}
    except (Failure, LoginFileError, httpx.HTTPError, ValueError, KeyError, TypeError):
        pass
    return [name for name in names if name.startswith(incomplete)]
