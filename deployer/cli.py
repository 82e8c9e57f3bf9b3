"""The `deployer` command: a client of the HTTP API. It knows neither Django nor the server's own code."""

import os
import sys
from typing import TextIO

import typer

from deployer.command.commands import COMPLETION_VARIABLE, PROGRAM, Commands
from deployer.command.failure import Failure
from deployer.command.output import complain
from deployer.login_file import LoginFileError

app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="`deployer COMMAND --help` says more of one. docs/command.md has all of it.")
def deployer() -> None:
    """Ship apps: deploy, watch, roll back."""


def main() -> None:
    """Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused by policy, 4 no server, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        _never_fails_to_write(stream)
    if COMPLETION_VARIABLE in os.environ:  # a shell asks what a word could be
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(prog_name=PROGRAM)
    except Failure as failure:
        complain(failure.message, *failure.details)
        sys.exit(failure.status)
    except LoginFileError as error:
        complain(str(error))
        sys.exit(1)


def _never_fails_to_write(stream: TextIO) -> None:
    """A log may hold what the terminal's encoding has not."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="replace")


if __name__ == "__main__":
    main()
