"""`lock` and `unlock`."""

from typing import Annotated

import typer

from deployer.command.failure import USAGE, Failure
from deployer.command.options import AppOption, JsonOption, app_path
from deployer.command.output import ago, facts, say, say_json, step
from deployer.command.server import connect
from deployer.command.times import moment


def lock(
    context: typer.Context,
    reason: Annotated[str | None, typer.Argument(metavar="[REASON]", help="Why, for everybody to read.")] = None,
    app: AppOption = None,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="It ends by itself then: 30m, 2h, 3d, or as in RFC 3339.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Have an app refuse promotes and rollbacks. Without a reason: show whether it does.

    What pushes would promote waits for the end of the lock.
    """
    if (reason is None and until) or (reason is not None and not reason.strip()):
        raise Failure("Why is it to be locked? Say so: `deployer lock REASON`.", status=USAGE)
    server, path = connect(), f"{app_path(context, app)}/lock"
    if reason:
        wanted = {"reason": reason, "until": moment(until, ahead=True) if until else None}
        with step("Locking", quiet=as_json):
            found = server.put(path, wanted)
    else:
        found = server.get(path)
    if as_json:
        say_json(found)
    elif not reason:
        say(_words(found))


def unlock(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Have an app take promotes again."""
    path = app_path(context, app)
    with step("Unlocking", quiet=as_json):
        connect().delete(f"{path}/lock")
    if as_json:
        say_json({"locked": False})


def _words(found: dict) -> str:
    if not found["locked"]:
        return "It is not locked."
    return facts(
        [
            ("Locked", found["reason"]),
            ("By", found["by"]),
            ("Since", ago(found["since"])),
            ("Until", ago(found["until"])),
        ]
    )
