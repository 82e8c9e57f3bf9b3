"""What only follows from other findings of the same service stands behind them. Pure."""

from collections.abc import Iterable

from releases.pipeline.diagnosis.finding import SEVERITIES, Finding

CODES = frozenset({"too_few_available", "progress_deadline", "no_endpoint", "versions_mixed"})


def behind(findings: Iterable[Finding]) -> list[Finding]:
    """The same, in the same order: a consequence is no graver than the gravest cause that was found beside it."""
    findings = list(findings)
    gravest: dict[str, int] = {}
    for finding in findings:
        if finding.code not in CODES and finding.subject.service:
            here = SEVERITIES.index(finding.severity)
            gravest[finding.subject.service] = min(here, gravest.get(finding.subject.service, here))
    return [_behind(finding, gravest) for finding in findings]


def _behind(finding: Finding, gravest: dict[str, int]) -> Finding:
    cause = gravest.get(finding.subject.service)
    if finding.code not in CODES or cause is None or SEVERITIES.index(finding.severity) >= cause:
        return finding
    return finding.but(severity=SEVERITIES[min(cause, 1)])  # nothing running is never only worth knowing
