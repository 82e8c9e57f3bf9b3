"""A whole diagnosis of what was gathered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from releases.logs import Mask
from releases.pipeline import diagnosis, event_log
from releases.pipeline.diagnosis import Finding, Known, Options, Report, Reported, Told, Trouble, reading
from releases.pipeline.diagnosis.belonging import Part, parts
from releases.pipeline.diagnosis.reported import Object
from releases.pipeline.diagnosis.shapes import tamed
from releases.pipeline.diagnosis.tables import tables
from releases.pipeline.examination import masked

EVENTS_MAX, MESSAGE_MAX = 100, 1000


def made(
    reported: Reported,
    known: Known,
    troubles: Sequence[Trouble],
    options: Options,
    *,
    mask: Mask,
    cluster: str,
    left: Mapping[str, int] = {},
) -> Report:
    """`left`: kind → how many objects of it were not read."""
    reported = tamed(reported)
    found = diagnosis.diagnose(reported, known, tuple(troubles))
    chosen = masked.findings([finding for finding in found if _is_asked(finding, options)], mask)
    shown = tables(reported, known, chosen, options)
    asked = _about(reported, known, options.services) if options.services else reported.events
    events, more = _events(asked) if options.events else ((), 0)
    omitted = {**left, **shown.omitted} | ({"events": more} if more else {})
    return Report(
        app=known.app,
        at=reported.now.isoformat(),
        cluster=cluster,
        release=known.release,
        rollout=known.rollout.number if known.rollout else None,
        findings=chosen if options.events else tuple(replace(finding, events=()) for finding in chosen),
        services=shown.services,
        processes=shown.processes,
        events=events,
        omitted=omitted,
        unread=reported.unread,
    )


def _is_asked(finding: Finding, options: Options) -> bool:
    """What is about no service is about all of them."""
    subject = finding.subject
    service = subject.service or (subject.name if subject.kind == "service" else "")
    return not options.services or not service or service in options.services


def _about(reported: Reported, known: Known, services: Sequence[str]) -> list[Object]:
    """The events of these services, and those that are about none."""
    every = parts(reported, known)
    of_uid = {obj["metadata"]["uid"]: part.name for part in every for obj in _objects(part)}
    names = sorted((part.name for part in every), key=len, reverse=True)

    def service(event: Object) -> str:
        name = (event.get("involvedObject") or {}).get("name") or ""
        # Its object may be gone: the names of all that the cluster makes begin with the service's.
        guess = next((known for known in names if name == known or name.startswith(f"{known}-")), "")
        return of_uid.get(event_log.about(event), guess)

    return [event for event in reported.events if service(event) in ("", *services)]


def _objects(part: Part) -> list[Object]:
    return [*([part.deployment] if part.deployment else []), *part.replica_sets, *part.pods]


def _events(found: list[Object]) -> tuple[tuple[Told, ...], int]:
    """The newest first, and how many there are beside."""
    newest = sorted(found, key=event_log.when, reverse=True)
    shown = (reading.told(event) for event in newest[:EVENTS_MAX])
    return tuple(replace(told, message=told.message[:MESSAGE_MAX]) for told in shown), max(0, len(newest) - EVENTS_MAX)
