"""The text of a .env file, read as python-dotenv reads it: quoted values may have several lines."""

import io
from typing import NamedTuple


class Assignment(NamedTuple):
    """`line` is where it begins, from 1."""

    line: int
    name: str
    value: str


def read(text: str) -> tuple[list[Assignment], list[int]]:
    """What it assigns, in order; and the numbers of the lines that are not of the form NAME=value."""
    from dotenv.parser import parse_stream  # the command starts sooner without it

    found, wrong = [], []
    for binding in parse_stream(io.StringIO(text, newline="")):
        said = binding.original.string
        line = binding.original.line + _breaks(said[: len(said) - len(said.lstrip())])
        if binding.error or (binding.key is not None and binding.value is None):
            wrong.append(line)
        elif binding.key is not None and binding.value is not None:
            found.append(Assignment(line, binding.key, binding.value))
    return found, wrong


def _breaks(text: str) -> int:
    """Of any system's lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
