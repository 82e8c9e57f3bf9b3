"""The `deployer` command: a client of the HTTP API. It knows neither Django nor the server's own code."""

import sys
from typing import TextIO

import typer

from deployer.command import access, apps, builds, clusters, environment, processes, registries, releases, rollouts
from deployer.command.failure import Failure
from deployer.command.output import complain
from deployer.login_file import LoginFileError

app = typer.Typer(
    name="deployer",
    help="Ship apps: deploy, watch, roll back.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("login")(access.login)
app.command("logout")(access.logout)
app.add_typer(apps.group, name="apps")
app.add_typer(clusters.group, name="clusters")
app.add_typer(registries.group, name="registries")
app.command("deploy")(builds.deploy)
app.command("build")(builds.build)
app.add_typer(builds.group, name="builds")
app.add_typer(releases.group, name="releases")
app.add_typer(rollouts.group, name="rollouts")
app.add_typer(environment.group, name="env")
app.command("ps")(processes.ps)
app.command("scale")(processes.scale)
app.command("version")(access.version)


def main() -> None:
    """Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused by policy, 4 no server, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        _never_fails_to_write(stream)
    try:
        app()
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
