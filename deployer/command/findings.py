"""What a connection test has found."""

from typing import Any

from deployer.command.output import complain, say

SIGNS = {"ok": "✓", "warning": "!", "missing": "✕"}


def say_findings(found: dict[str, Any]) -> None:
    """A line for each; hints once, to stderr."""
    for line in found["lines"]:
        say(f"{SIGNS.get(line['state'], ' ')} {line['words']}")
    for hint in dict.fromkeys(line["hint"] for line in found["lines"] if line["hint"]):
        complain(hint)
