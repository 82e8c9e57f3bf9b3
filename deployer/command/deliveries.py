"""`deliveries`: what GitHub told of an app's repository, and what came of it."""

from typing import Annotated, Any

import typer

from deployer.command.listing import show_list
from deployer.command.options import AppOption, JsonOption, LimitOption, QuietOption, app_path, remember, wants_json
from deployer.command.output import ago, say, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)


@group.callback(invoke_without_command=True)
def deliveries(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List what GitHub delivered, handle it once more."""
    remember(context, {"limit": limit}, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_deliveries(context, app, as_json, quiet, limit)


@group.command("list")
def list_deliveries(
    context: typer.Context,
    app: AppOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    limit: LimitOption = 30,
) -> None:
    """List what GitHub delivered to an app's webhook, the newest first, and what came of each."""
    show_list(
        context,
        connect().items(f"{app_path(context, app)}/deliveries", limit=limit),
        as_json=as_json,
        quiet=quiet,
        id="id",
        headers=["ID", "EVENT", "STATUS", "RECEIVED", "REF", "COMMIT", "DECISION"],
        row=_row,
        empty="GitHub has told nothing yet: `deployer source` says where its webhook goes.",
    )


@group.command("replay")
def replay(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `deployer deliveries` lists it.")],
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Handle a delivery once more, by today's rules: a fork's pull request is built so, too."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step(f"Handling {number} once more", quiet=as_json):
        found = connect().post(f"{path}/deliveries/{number}/replay")
    if as_json:
        say_json(found)
    elif found["decision"]:
        say(found["decision"])


def _row(delivery: dict[str, Any]) -> list[str]:
    return [
        str(delivery["id"]),
        delivery["event"],
        delivery["status"],
        ago(delivery["received"]),
        delivery["ref"],
        delivery["commit"][:10],
        delivery["decision"],
    ]
