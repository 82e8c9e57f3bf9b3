"""The findings of services, of releases and rollouts, and of what is around the app. Pure."""

from collections.abc import Iterator

from releases.pipeline.diagnosis.catalogue import BY_CODE
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_services import (
    around,
    availability,
    endpoints,
    meddling,
    mixture,
    refusals,
    rollouts,
    scaling,
    traffic,
)
from releases.pipeline.diagnosis.reading import Reading
from releases.pipeline.diagnosis.reported import Known, Reported, Trouble

SEEKERS = (refusals, meddling, availability, endpoints, traffic, scaling, mixture)


def found(reading: Reading, reported: Reported, known: Known, troubles: tuple[Trouble, ...]) -> Iterator[Finding]:
    """In no order; of a cluster that can't be reached nothing is said but that."""
    yield from around.found(troubles, BY_CODE)
    yield from rollouts.found(reading, known)
    if any(trouble.code == "cluster_unreachable" for trouble in troubles):
        return
    of_cluster = [finding for seeker in SEEKERS for finding in seeker.found(reading, known)]
    going = any(finding.code == "namespace_deleted" for finding in of_cluster)
    for finding in of_cluster:
        if not (going and finding.code == "deployment_deleted"):  # it went with the namespace
            yield finding
