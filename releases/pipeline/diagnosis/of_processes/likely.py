"""What may explain a trouble and is not certain, from the last lines: a variable that is missing, what they say. Pure.

Every sentence begins with "Likely".
"""

import re
from typing import NamedTuple

from releases.pipeline import meaning
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.diagnosis.reported import Changes


class Guess(NamedTuple):
    """`hint`: what to do then, for a missing `variable`."""

    words: str
    variable: str = ""
    hint: str = ""


# What programs say themselves of the most usual troubles.
SAID = (
    (re.compile(r"exec format error", re.IGNORECASE), "its program was built for another kind of machine"),
    (
        re.compile(r"^exec \S+: no such file or directory"),
        "the first line of its script names an interpreter that is not in the image, or ends with a carriage return",
    ),
    (
        re.compile(r"address already in use|EADDRINUSE", re.IGNORECASE),
        "two of its programs want the same port: one address is in use already",
    ),
    (
        re.compile(r"no space left on device|ENOSPC", re.IGNORECASE),
        "its node or volume is full",
    ),
    (
        re.compile(
            r"connection refused|ECONNREFUSED|could not (connect|translate host)|name or service not known"
            r"|temporary failure in name resolution|ENOTFOUND|getaddrinfo|no such host",
            re.IGNORECASE,
        ),
        "it does not reach something that it needs, a database for example",
    ),
    (
        re.compile(r"password authentication failed|access denied for user|WRONGPASS|NOAUTH", re.IGNORECASE),
        "a password in its variables is not, or no longer, the right one",
    ),
    (
        re.compile(r"ModuleNotFoundError|Cannot find module|cannot open shared object|ClassNotFoundException"),
        "its image lacks a part of the program",
    ),
    (re.compile(r"permission denied|EACCES", re.IGNORECASE), "it lacks the right to a file or a port"),
)


def with_guess(process: Process, finding: Finding, lines: tuple[str, ...] = ()) -> Finding:
    """The finding with what is likely, if anything is. `lines`: the last that the process wrote."""
    changes = process.known.changes if process.is_new else None
    guess = _of_lines(process, lines, changes)
    if guess is None:
        return finding
    app = process.known.app
    if not guess.variable:
        return finding.but(likely=guess.words)
    return finding.but(
        hint=guess.hint,
        likely=guess.words,
        values={**finding.values, "variable": guess.variable},
        command=f"deployer env set {guess.variable}=… -a {app}" if app else "",
        page=process.known.paths.get("env", ""),
    )


def _of_lines(process: Process, lines: tuple[str, ...], changes: Changes | None) -> Guess | None:
    for line in reversed(lines):
        for name in changes.variables_removed if changes else ():
            if name and re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", line):
                words = f"Likely: {name} is missing: this release removed it, and the last lines name it."
                return Guess(words, name, f"Set {name} again, or stop using it in {process.service}.")
    for line in reversed(lines):
        if name := meaning.unset_variable(line, process.known.variables):
            why = "it is not among this release's variables" if process.known.variables else "the last lines name it"
            hint = f"Set {name}, or correct its name in {process.service}."
            return Guess(f"Likely: {name} is missing: {why}.", name, hint)
    for line in reversed(lines):
        for said, words in SAID:
            if said.search(line):
                return Guess(f"Likely: {words}.")
    return None
