"""What is wrong around the app, as it was found elsewhere, in the words of the catalogue. Pure."""

from collections.abc import Iterator, Sequence

from releases.pipeline.diagnosis.catalogue.entry import Entry
from releases.pipeline.diagnosis.finding import Finding, Kind, Subject
from releases.pipeline.diagnosis.reported import Trouble

KINDS: dict[str, Kind] = {
    "cluster_unreachable": "cluster",
    "no_rights": "cluster",
    "redis_unreachable": "deployer",
    "workers_missing": "deployer",
    "volumes_orphaned": "volume",
}


def found(troubles: Sequence[Trouble], catalogue: dict[str, Entry]) -> Iterator[Finding]:
    """Of what the catalogue knows; without a hint of its own it has the entry's remedy."""
    for trouble in troubles:
        entry = catalogue.get(trouble.code)
        if entry is None:
            continue
        yield Finding(
            entry.code,
            Subject(KINDS.get(entry.code, "app"), trouble.name),
            trouble.observed or f"{entry.title}.",
            trouble.hint or entry.remedy,
            severity=entry.severity,
            values=trouble.values,
            command=trouble.command,
            page=trouble.page,
        )
