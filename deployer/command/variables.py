"""Variables as text: `NAME=value` in arguments, and the lines of a .env file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from deployer import env_file
from deployer.command.failure import FAILED, USAGE, Failure

FILE_MAX = 4 * 1024 * 1024
# Values that need no quotes: nothing in them means something to who reads such a file.
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%=")


def read_assignments(words: Sequence[str]) -> dict[str, str]:
    """Of `NAME=value`; a word `-` stands for what comes in on stdin. Raises Failure, which repeats no value."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if word == "-":
            values |= read_file("-")
        elif equals and name:
            values[name] = value
        else:
            raise Failure(f"“{name}” is no NAME=VALUE.", status=USAGE)
    return values


def read_file(place: str) -> dict[str, str]:
    """The variables of a .env file, or of stdin for `-`. Raises Failure."""
    name = "stdin" if place == "-" else place
    try:
        if place == "-":
            data = sys.stdin.buffer.read(FILE_MAX + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(FILE_MAX + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise Failure(f"{name} can't be read: {error.strerror}.", status=USAGE) from error
    except UnicodeDecodeError as error:
        raise Failure(f"{name} is not UTF-8 text.", status=FAILED) from error
    if len(data) > FILE_MAX:
        raise Failure(f"{name} is larger than {FILE_MAX // 1024 // 1024} MiB.", status=FAILED)
    return parse(text, name)


def parse(text: str, name: str) -> dict[str, str]:
    """The lines of a .env file, called `name` in what is said of its faults. Raises Failure."""
    found, wrong = env_file.read(text)
    if wrong:
        raise Failure(f"{name}, line {wrong[0]}, is not of the form NAME=value.", status=FAILED)
    return {each.name: each.value for each in found}


def as_line(name: str, value: str) -> str:
    """`NAME=value`, with quotes only where `parse` would not read it as this value without them."""
    plain = f"{name}={value}"
    return plain if set(value) <= PLAIN or _reads_as(plain, {name: value}) else f"{name}={_quoted(value)}"


def as_text(values: dict[str, str]) -> str:
    """Lines that `parse` reads as these values. Raises Failure if there is one that has no such form."""
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
    read = parse(text, "the file")
    if read != values:
        wrong = next((name for name, value in values.items() if read.get(name) != value), "a variable")
        raise Failure(f"{wrong} has a value that no file of variables can hold: use `deployer env set {wrong}=…`.")
    return text


def _reads_as(text: str, values: dict[str, str]) -> bool:
    try:
        return parse(text, "") == values
    except Failure:
        return False


def _quoted(value: str) -> str:
    if set(value) <= PLAIN:
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
