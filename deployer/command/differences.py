"""What two releases differ in, as `releases diff` says it."""

from typing import Any

from deployer.command.output import say
from deployer.command.terminal import paint

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "blue"}


def say_differences(found: dict[str, Any]) -> None:
    """The build, the images, the variables by name, and the lines of the manifest; of values only that they differ."""
    if other := found["with"]:
        say(f"{found['release']} compared with {other}")
    sections = [
        ("Build", _build(found["build"])),
        ("Images", [f"{_sign(each)} {each['service']}" for each in found["images"]]),
        ("Variables", [f"{SIGNS.get(each['change'], '~')} {each['name']}" for each in found["variables"]]),
        ("Manifest", [line.rstrip("\n") for line in found["manifest_lines"]]),
    ]
    for title, lines in sections:
        if lines:
            say("\n".join([f"{title}:", *(_painted(line) for line in lines)]))
    if not any(lines for _, lines in sections):
        say("There is no difference.")


def _build(builds: dict[str, Any] | None) -> list[str]:
    """None: it is the same one."""
    return [f"- {_title(builds['before'])}", f"+ {_title(builds['after'])}"] if builds else []


def _title(build: dict[str, Any]) -> str:
    commit = build["commit"][:10] + ("+" if build["dirty"] else "")
    return " ".join(filter(None, [build["id"], commit, build["description"] or build["subject"]]))


def _sign(image: dict[str, Any]) -> str:
    return "+" if not image["before"] else "-" if not image["after"] else "~"


def _painted(line: str) -> str:
    colour = COLOURS.get(line[:1])
    return "  " + (paint(line, colour) if colour else line)
