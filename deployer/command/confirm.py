"""Before what can't be undone: its name has to be repeated."""

from typing import Annotated

import typer

from deployer.command.failure import FAILED, Failure
from deployer.command.output import complain
from deployer.command.terminal import ask

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def confirm(target: str, *, yes: bool, warning: str, otherwise: str) -> None:
    """Asks, unless `yes`. `otherwise`: what stays as it is, when the answer is another. Raises Failure."""
    if yes:
        return
    complain(warning)
    if ask("Its name, to confirm", unanswered=f"Nobody has confirmed it: {otherwise}. --yes does without.") != target:
        raise Failure(f"That is not its name: {otherwise}.", status=FAILED)
