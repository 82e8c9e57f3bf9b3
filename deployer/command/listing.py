"""A listing in its three forms: a table, IDs, JSON."""

from collections.abc import Callable, Sequence
from typing import Any

import typer

from deployer.command.options import wants_json, wants_quiet
from deployer.command.output import complain, say, say_json, table

Item = dict[str, Any]


def show_list(
    context: typer.Context,
    items: Sequence[Item],
    *,
    as_json: bool,
    quiet: bool,
    id: str,
    headers: Sequence[str],
    row: Callable[[Item], Sequence[str]],
    empty: str,
) -> None:
    """`id` is the key of what -q prints; `empty` is said, beside the result, when there is nothing to list."""
    if wants_json(context, as_json):
        say_json(items)
    elif not items:
        complain(empty)
    elif wants_quiet(context, quiet):
        for item in items:
            say(str(item[id]))
    else:
        say(table(headers, [row(item) for item in items]))
