"""A process that can't be configured or started: which Secret, key or program. Pure."""

import re
from collections.abc import Iterator

from releases.pipeline import meaning, processes
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.processes import Ailment

NAMED = re.compile(r'\b(secret|configmap)s? "([^"]+)" not found', re.IGNORECASE)
KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:([^\s/]+)/)?(\S+)", re.IGNORECASE)
OTHER_KEY = re.compile(r"references non-?existent (secret|config) key: ?(\S+)", re.IGNORECASE)
# What each container runtime says before it comes to the point.
PRELUDE = re.compile(
    r"^(Error: )?(failed to [^:\"]*: |OCI runtime [^:\"]*: |\w+ create failed: |unable to start [^:\"]*: )+"
)
PROGRAM = re.compile(
    r'(?:exec:? |starting container process caused.*?exec: |stat |executable file )\\?["`]?(/?[^\s"`:\\]+)\\?["`]?[ :]'
)


def found(process: Process, ailment: Ailment) -> Iterator[Finding]:
    """What a `config` or a `start` ailment is."""
    yield (_unconfigured if ailment.family == "config" else _unstarted)(process, ailment)


# --- What it is given -----------------------------------------------------------------------------------------------


def missing(words: str) -> dict[str, str]:
    """Which Secret or ConfigMap, and which key of it, is not there: `{"kind", "name", "key"}`, as far as it is told."""
    if match := KEY.search(words):
        return {"kind": match[2], "name": match[4].rstrip(".,"), "key": match[1]}
    if match := NAMED.search(words):
        return {"kind": "Secret" if match[1].lower() == "secret" else "ConfigMap", "name": match[2]}
    if match := OTHER_KEY.search(words):
        return {"kind": "Secret" if match[1].lower() == "secret" else "ConfigMap", "key": match[2]}
    return {}


def missing_words(lost: dict[str, str]) -> str:
    """`the key PASSWORD of the Secret db`."""
    named = " ".join(filter(None, (lost["kind"], lost.get("name", ""))))
    return f"the key {lost['key']} of the {named}" if "key" in lost else f"the {named}"


def _unconfigured(process: Process, ailment: Ailment) -> Finding:
    words = ailment.message or ailment.reason
    values = {"reason": ailment.reason, "message": words}
    about = {"container": process.shown(ailment.container), "since": process.pod["metadata"]["creationTimestamp"]}
    lost = missing(words)
    if not lost:
        hint = meaning.hint(ailment, process.service)
        if "root" not in hint:
            hint = f"Read the cluster's message: it says what of the settings of {process.service} it can't use."
        return process.finding(
            "config_error", f"{process.name} can't be configured: {words}", hint, values=values, **about
        )
    hint = f"Create {missing_words(lost)} in the namespace, or correct what {process.service} refers to."
    release = processes.release(process.pod)
    if release and lost.get("name") == release.lower():
        hint = f"Promote {release} again: Deployer writes its Secret anew. Find out who removed it."
    return process.finding(
        "config_missing",
        f"{process.name} can't be configured: {missing_words(lost)} does not exist: {words}",
        hint,
        values={**values, **lost},
        page=process.known.paths.get("env", ""),
        **about,
    )


# --- What it runs ---------------------------------------------------------------------------------------------------


def _unstarted(process: Process, ailment: Ailment) -> Finding:
    words = ailment.message or ailment.reason
    program = _program(words) or _first_word(process, ailment.container)
    code, what, hint = _start_trouble(process, words, program)
    return process.finding(
        code,
        f"{process.name} can't start: " + ": ".join(filter(None, (what, PRELUDE.sub("", words)))),
        hint,
        container=process.shown(ailment.container),
        values={"reason": ailment.reason, "message": words, "program": program},
        since=process.pod["metadata"]["creationTimestamp"],
    )


def _start_trouble(process: Process, words: str, program: str) -> tuple[str, str, str]:
    """Code, what it is, what to do."""
    named = program or "its program"
    if special := meaning.start_hint(words, process.service):
        return "cannot_start", "", special
    low = words.lower()
    capital = process.program[0].upper() + process.program[1:]
    if "exec format" in low:
        hint = (
            f"Build the image of {process.service} for the cluster's kind of machine; a script needs a first line #!."
        )
        return "exec_format", f"{named} was built for another kind of machine", hint
    if "permission denied" in low or "is a directory" in low:
        return (
            "not_executable",
            f"{named} may not be executed",
            f"{capital} must be executable: chmod +x it in the image.",
        )
    if re.search(r"no such file|executable file .*not found|not found in \$?path|not a directory", low):
        hint = f"Correct {process.program}: {named} is not in the image."
        return "command_not_found", f"there is no {program or 'such program'} in the image", hint
    return "cannot_start", "", f"Read the cluster's message: it says why the program of {process.service} can't begin."


def _program(words: str) -> str:
    match = PROGRAM.search(words)
    return match[1] if match else ""


def _first_word(process: Process, container: str) -> str:
    command = process.spec(container).get("command") or process.spec(container).get("args") or []
    return str(command[0]) if command else ""
