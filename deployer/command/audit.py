"""`audit`: who did what, when."""

from typing import Annotated, Any

import typer

from deployer.command.listing import show_list
from deployer.command.options import AppOption, JsonOption, LimitOption, QuietOption, segment
from deployer.command.server import connect
from deployer.command.times import moment


def audit(
    context: typer.Context,
    app: AppOption = None,
    actor: Annotated[str, typer.Option("--by", metavar="NAME", help="Only what this person did.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="Only this: promote, set_env, …")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: 30m, 2h, 3d ago, or as in RFC 3339.")
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Before then.")] = "",
    limit: LimitOption = 30,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show who did what, the newest first: in all apps, or in one that -a names."""
    wanted = {
        "app": segment(app) if app else "",
        "actor": actor,
        "action": action,
        "since": moment(since, ahead=False) if since else "",
        "until": moment(until, ahead=False) if until else "",
    }
    filters = {name: value for name, value in wanted.items() if value}
    show_list(
        context,
        connect().items("/audit", limit=limit, **filters),
        as_json=as_json,
        quiet=quiet,
        id="id",
        headers=["AT", "BY", "ACTION", "APP", "SUBJECT", "DETAIL"],
        row=_row,
        empty="Nothing that was done is like that." if filters else "Nothing was done yet.",
    )


def _row(entry: dict[str, Any]) -> list[str]:
    at = entry["at"].partition(".")[0].removesuffix("Z") + "Z"
    return [at, entry["by"], entry["action"], entry["app"] or "", entry["subject"], _words(entry["detail"])]


def _words(detail: dict[str, Any]) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in detail.items() if value not in (None, "", [], {}))


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
