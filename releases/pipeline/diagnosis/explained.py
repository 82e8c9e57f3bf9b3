"""What changed since the last release that worked, beside the findings that it may explain. Pure.

It is never certain, so it says "Likely". What a process itself says of its cause goes before it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from releases.pipeline.diagnosis.amounts import listed
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reported import Changes, Known

NAMES_SHOWN = 4


class Fits(NamedTuple):
    """Which changes may explain a finding. `keys`: of a service in the manifest. `variables`: where the program reads
    them. `image`: `else` where a key that changed says enough."""

    keys: tuple[str, ...] = ()
    image: str = ""
    variables: bool = False


PROGRAM = Fits(("command", "initContainer"), "too", variables=True)
ANSWERS = Fits(("port", "ports", "health", "command"), "else")
START = Fits(("command", "initContainer"), "too")
IMAGE = Fits(("image", "build"), "too")
FITS: dict[str, Fits] = {
    **dict.fromkeys(("crash_loop", "crashed", "completed", "init_failing", "command_failed", "command_late"), PROGRAM),
    **dict.fromkeys(("not_ready", "wrong_port", "starting"), ANSWERS),
    "liveness_killed": Fits(("liveness", "port", "health", "command"), "else"),
    "out_of_memory": Fits(("scale.memory", "command"), "else"),
    "unschedulable": Fits(("scale", "volumes")),
    "volume_stuck": Fits(("volumes",)),
    "init_stuck": Fits(("initContainer",), "too", variables=True),
    "config_missing": Fits(("environment", "volumes", "tls"), variables=True),
    "config_error": Fits(("environment", "volumes"), variables=True),
    **dict.fromkeys(("command_not_found", "not_executable", "exec_format", "cannot_start"), START),
    **dict.fromkeys(("image_name_invalid", "image_not_found", "image_denied", "image_wrong_platform"), IMAGE),
    "image_never_pull": IMAGE,
    # Its registry does not answer: that fits where the release asks another one.
    **dict.fromkeys(("registry_unreachable", "image_pull_failing"), Fits(("image",))),
    **dict.fromkeys(("quota_exceeded", "admission_denied"), Fits(("scale", "volumes", "deployment"))),
}


def explained(findings: Iterable[Finding], known: Known) -> list[Finding]:
    """The same findings in the same order, with `likely` where a change fits and nothing better was said.

    Only findings of the release that brought the changes: that which `values` name, else the one that is meant to run.
    """
    changes = known.changes
    if changes is None:
        return list(findings)
    meant = known.release or changes.after
    return [
        _explained(finding, changes) if (finding.values.get("release") or meant) == changes.after else finding
        for finding in findings
    ]


def _explained(finding: Finding, changes: Changes) -> Finding:
    fits = FITS.get(finding.code)
    if fits is None or finding.likely:
        return finding
    parts = _parts(finding.subject, fits, changes)
    if not parts:
        return finding
    words = f"Likely: {listed(parts)} in {changes.after}; {changes.before} worked."
    return finding.but(likely=words, values={**finding.values, "changed": parts})


def _parts(subject: Subject, fits: Fits, changes: Changes) -> list[str]:
    """The most telling first."""
    service = subject.service
    if service and f"services.{service}" in changes.manifest:
        return [f"{service} is new"]
    keys = [key.removeprefix("services.") for key in changes.manifest if _concerns(key, subject, fits.keys)]
    parts = _changed(keys, "changed")
    if service in changes.images and (fits.image == "too" or (fits.image == "else" and not keys)):
        parts.insert(0, f"the image of {service} is new")
    if fits.variables:
        parts += _changed(changes.variables_removed, "removed")
        parts += _changed(changes.variables_changed, "changed")
        parts += _changed(changes.variables_added, "added")
    return parts


def _changed(names: Sequence[str], what: str) -> list[str]:
    return [f"{listed(list(names), NAMES_SHOWN)} {'was' if len(names) == 1 else 'were'} {what}"] if names else []


def _concerns(key: str, subject: Subject, wanted: tuple[str, ...]) -> bool:
    """One of those of its service; of a command's process the command itself, too."""
    if subject.kind == "command" and key.partition(".")[0] in ("release", "timers"):
        return True
    service, _, below = key.removeprefix("services.").partition(".")
    if not key.startswith("services.") or service != subject.service:
        return False
    return any(below == each or below.startswith(f"{each}.") for each in wanted)
