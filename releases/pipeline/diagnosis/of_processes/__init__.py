"""What is wrong with the processes of services and of commands, one by one. Pure."""

from collections.abc import Callable, Iterator

from releases.pipeline import processes
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes import commands, ending, exits, images, place, probes, starting, waiting
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.diagnosis.reading import Reading
from releases.pipeline.diagnosis.reported import Known


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    for service in reading.services:
        for pod in service.pods:
            process = Process(reading, known, pod, service.part.ours(pod), service, service.deadline)
            if not service.lets_go(pod) or processes.is_going(pod):
                yield from of_process(process)
    for command in commands.telling(reading, known):
        yield from commands.found(reading, known, command, of_process)


def of_process(process: Process) -> Iterator[Finding]:
    """In the order in which a verdict asks; after what breaks it, nothing else about it is news."""
    if processes.is_going(process.pod) or processes.is_over(process.pod):
        yield from ending.found(process)
        return
    seekers: list[Callable[[Process], Iterator[Finding]]] = [exits.found, _ailment, ending.found]
    seekers += [place.found, waiting.found, probes.found]
    for seek in seekers:
        for finding in seek(process):
            yield finding
            if finding.severity == "error":
                return


def _ailment(process: Process) -> Iterator[Finding]:
    ailment = processes.ailment(process.pod, ours=process.ours)
    if ailment:
        yield from (images if ailment.family == "pull" else starting).found(process, ailment)
