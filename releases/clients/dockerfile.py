"""What a Dockerfile says of how to run: CMD, ENTRYPOINT and ENV of its last stage, and what it would have run."""

import json
import re
import shlex
from dataclasses import dataclass, field

CONTINUED = re.compile(r"\\[ \t]*\n")


@dataclass
class Dockerfile:
    """`command`: entrypoint and arguments, or None. `skipped`: its RUN lines, which a folder image can't carry out."""

    entrypoint: list[str] | None = None
    arguments: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def command(self) -> list[str] | None:
        return [*(self.entrypoint or []), *(self.arguments or [])] or None


def read(text: str) -> Dockerfile:
    """Follows the Dockerfile reference as far as running needs it; unknown lines are passed over."""
    found = Dockerfile()
    without_comments = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in CONTINUED.sub(" ", without_comments).splitlines():
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        match word.upper():
            case "FROM":
                found = Dockerfile()
            case "RUN":
                found.skipped.append(rest)
            case "CMD":
                found.arguments = _words(rest)
            case "ENTRYPOINT":
                found.entrypoint, found.arguments = _words(rest), None
            case "ENV":
                found.env.update(_variables(rest))
    return found


def _words(text: str) -> list[str]:
    """The exec form is a JSON list; everything else is a line for the shell."""
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return words
    return ["/bin/sh", "-c", text]


def _variables(text: str) -> dict[str, str]:
    """`A=1 B="two words"`, or the old form `A one value`."""
    name, space, value = text.partition(" ")
    if space and "=" not in name:
        return {name: value.strip()}
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        return {}
    return {name: value for name, equals, value in pairs if equals}
