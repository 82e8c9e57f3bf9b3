"""docs/command.md, from what the command itself says under --help."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from deployer.cli import app, main
from deployer.command.commands import PARTS

HEAD = """\
# The command

`deployer` is installed with the project. It asks the API of a server: the one that `DEPLOYER_URL` and
`DEPLOYER_TOKEN` name, else the one of the last `deployer login`. `make up` leaves a login for the person who ran it.

The app of a command is named by `-a`, else by `DEPLOYER_APP`, else by the first line of a file `.deployer-app` in
this folder or one above. Options of a group hold for its commands, too: `deployer releases -a shop info RABCDEFGHIJ`.

Results go to stdout, what is said beside them to stderr. Colours and bars are for terminals, and `NO_COLOR` is
heeded. `--json` prints what the API answered ([api.md](api.md) describes that), `-q` only IDs.

What runs on the server goes on, whatever becomes of this command: a lost connection is taken up again behind the last
line, and Ctrl-C asks whether to leave a rollout running or to abort it; a second one leaves it. Without a terminal it
is left, and what follows it is said.

Exit status: {statuses}.

This page is made from the code by `make docs`.
"""


def page() -> str:
    root = typer.main.get_command(app)
    context = root.make_context("deployer", [], resilient_parsing=True)
    statuses = inspect.getdoc(main).partition(": ")[2].rstrip(".")  # type: ignore[union-attr]
    lines = [HEAD.format(statuses=statuses)]
    for part, entries in PARTS.items():
        lines += [f"## {part}", ""]
        for name in entries:
            found = root.get_command(context, name)  # type: ignore[attr-defined]
            lines += _command(found, f"deployer {name}", level=3)
    return "\n".join(lines).rstrip("\n") + "\n"


def _command(command: Any, name: str, *, level: int) -> Iterator[str]:
    """A heading, the usage, the words, the options; and the same of the commands below it."""
    below = getattr(command, "commands", {})
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    usage = [name, *(_usage(argument) for argument in arguments), *(["[OPTION…]"] if options else [])]
    yield from [f"{'#' * level} {name}", "", f"`{' '.join(usage)}`", "", _prose(command.help), ""]
    rows = [(_usage(argument).strip("[]"), _help(argument)) for argument in arguments if argument.help]
    rows += [(", ".join([*option.opts, *option.secondary_opts]) + _value(option), _help(option)) for option in options]
    if rows:
        yield from ["| | |", "| --- | --- |", *(f"| `{_cell(left)}` | {_cell(right)} |" for left, right in rows), ""]
    for word, each in below.items():
        yield from _command(each, f"{name} {word}", level=level + 1)


def _usage(argument: Any) -> str:
    shown = (argument.metavar or argument.name.upper()).strip("[]")
    shown += "" if argument.nargs == 1 or shown.endswith("…") else "…"
    return shown if argument.required else f"[{shown}]"


def _value(option: Any) -> str:
    if option.is_flag:
        return ""
    return " " + (option.metavar or "TEXT")


def _help(param: Any) -> str:
    words, default = param.help or "", param.default
    if isinstance(default, bool) or default in (None, "", [], ()) or param.required or callable(default):
        return words
    return f"{words} Default: `{default}`."


def _prose(text: str | None) -> str:
    """Paragraphs; lines within one are the docstring's, which break where ours do."""
    return "\n\n".join(
        re.sub(r"\s*\n\s*", " ", paragraph).strip() if not _is_list(paragraph) else _as_list(paragraph)
        for paragraph in (text or "").split("\n\n")
    )


def _is_list(paragraph: str) -> bool:
    return all(re.match(r"\s*\w+: ", line) for line in paragraph.splitlines())


def _as_list(paragraph: str) -> str:
    return "\n".join(f"- {line.strip()}" for line in paragraph.splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
