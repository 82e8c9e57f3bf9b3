"""Why is it not running? From what the cluster reports and what we know, to findings, the most important first. Pure.

It reads states as `health` does (`processes`, `service_state`, `meaning`), so that a verdict and a diagnosis never
disagree: the table of `catalogue` names for each finding the verdict that says the same.
"""

from releases.pipeline.diagnosis import consequences, explained, grouping, of_processes, of_services
from releases.pipeline.diagnosis.finding import Finding, Lines, Subject, Told
from releases.pipeline.diagnosis.reading import read
from releases.pipeline.diagnosis.report import Options, Report
from releases.pipeline.diagnosis.reported import Changes, Known, LogOf, Reported, RolloutKnown, Trouble

__all__ = [
    "Changes",
    "Finding",
    "Known",
    "Lines",
    "LogOf",
    "Options",
    "Report",
    "Reported",
    "RolloutKnown",
    "Subject",
    "Told",
    "Trouble",
    "diagnose",
]

NOTHING = Known()


def diagnose(reported: Reported, known: Known = NOTHING, troubles: tuple[Trouble, ...] = ()) -> list[Finding]:
    """The findings, the most important first; bounded in number and size whatever is reported."""
    reading = read(reported, known)
    findings = [
        *of_processes.found(reading, known),
        *of_services.found(reading, reading.reported, known, troubles),
    ]
    ordered = grouping.ordered(consequences.behind(grouping.grouped(findings)))
    return grouping.bounded(explained.explained(ordered, known))
