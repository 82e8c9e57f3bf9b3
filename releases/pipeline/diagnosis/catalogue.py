"""Every finding that a diagnosis knows: its cause and remedy in words. docs/diagnostics.md is made from this table.

The order is that of importance: of two findings of one severity the earlier explains the later.
"""

from typing import NamedTuple

from releases.pipeline.diagnosis.finding import Severity


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


AROUND, REFUSED, IMAGES, STARTING, RUNNING, PLACE, SERVICES, RELEASES = (
    "Around the app",
    "Processes that may not be created",
    "Images",
    "Starting",
    "Running",
    "A place to run",
    "Services",
    "Releases and rollouts",
)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "cluster_unreachable",
        AROUND,
        "The cluster can't be reached",
        "error",
        "",
        "Deployer gets no answer from the Kubernetes API of the cluster in which the app lives. What runs there may "
        "run on; nothing can be seen or changed.",
        "See that the API server runs and that Deployer's machine reaches its address; test the connection on the "
        "cluster's page.",
    ),
)
BY_CODE: dict[str, Entry] = {entry.code: entry for entry in ENTRIES}
ORDER: dict[str, int] = {entry.code: place for place, entry in enumerate(ENTRIES)}
