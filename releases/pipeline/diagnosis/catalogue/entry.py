"""How a finding is explained: its cause and remedy in words."""

from typing import NamedTuple

from releases.pipeline.diagnosis.finding import Severity

AROUND, REFUSED, IMAGES, STARTING, RUNNING, PLACE, COMMANDS, SERVICES, RELEASES = (
    "Around the app",
    "Processes that may not be created",
    "Images",
    "Starting a process",
    "Running",
    "A place to run",
    "Commands and timers",
    "Services",
    "Releases and rollouts",
)


class Entry(NamedTuple):
    """`about`: the heading under which the docs list it. `verdict`: the cause of `health` that says the same, "" if a
    rollout is never ended for it. `cause`, `remedy`: a paragraph each."""

    code: str
    about: str
    title: str
    severity: Severity
    verdict: str
    cause: str
    remedy: str
