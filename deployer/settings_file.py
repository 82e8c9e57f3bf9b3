"""Lines of `NAME=value`, as in `settings.env`: the file that `make up` writes and people add to."""

import re
from pathlib import Path
from typing import NamedTuple

LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", re.ASCII)


class Parsed(NamedTuple):
    """`faults`: what is wrong, by line, in words that repeat no value."""

    values: dict[str, str]
    faults: list[str]


def read(path: Path) -> Parsed:
    """Nothing if there is no such file."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Parsed({}, [])
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return Parsed({}, [f"{path} can't be read: {why}."])
    values: dict[str, str] = {}
    faults = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        found = LINE.fullmatch(line)
        value = _unquoted(found[2]) if found else None
        if found is None:
            faults.append(f"{path}, line {number}, is not of the form NAME=value.")
        elif value is None:
            faults.append(f"{path}, line {number}: the quote that begins the value of {found[1]} does not end.")
        else:
            values[found[1]] = value
    return Parsed(values, faults)


def quoted(value: str) -> str:
    """So that it can stand after the `=`, and reads as it was."""
    if not set(value) & set(" #$'\"\\"):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str | None:
    """None when a quote is left open. In double quotes a backslash takes the next character as it is."""
    if text[:1] not in ("'", '"'):
        return text
    if len(text) < 2 or text[-1] != text[0]:
        return None
    inner = text[1:-1]
    return inner if text[0] == "'" else re.sub(r"\\(.)", r"\1", inner)
