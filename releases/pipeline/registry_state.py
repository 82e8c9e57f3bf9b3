"""How a registry is now: whether it answers, knows us, and may be pushed to."""

from django.utils import timezone

from releases import logs
from releases.clients import registry
from releases.errors import RegistryError
from releases.models import Registry
from releases.models.storable import fitted
from releases.pipeline import registries
from releases.pipeline.cluster_state import Finding, Seen

# Nothing is ever pushed to this repository.
PROBE = "deployer-probe"
LEFT = "It knows no cancelling, and forgets what was begun by itself."
# What says that we may, if only there were a repository of this name.
UNMADE = ("not_found", "name")


def test(row: Registry) -> tuple[Seen, list[Finding]]:
    """Whether it answers, whether it takes our login, whether we may push. Never raises for what the registry does."""
    findings: list[Finding] = []
    try:
        there = registries.connection_to(row)
        there.greet()
        findings += _greeted(row, there)
        findings += _pushing(there)
    except RegistryError as error:
        problem = logs.clean(error.message)
        return Seen(problem=problem, hint=error.hint), [*findings, Finding("missing", problem, error.hint)]
    return Seen(), findings


def note(row: Registry, seen: Seen) -> None:
    """Write what was seen, unless the row has another address or password by now."""
    now = timezone.now()
    since = (row.problem_since or now) if seen.problem else None
    here = Registry.objects.filter(pk=row.pk, address=row.address, username=row.username, password=row.password)
    columns = fitted(Registry, {"problem": seen.problem, "hint": seen.hint})
    here.update(**columns, problem_since=since, checked_at=now)


def _greeted(row: Registry, there: registry.Registry) -> list[Finding]:
    findings = [Finding("ok", f"{there.url} is a registry")]
    if row.username:
        return [*findings, Finding("ok", f"It takes the login of {row.username}")]
    return [*findings, Finding("warning", "No login: clusters and builds ask as nobody")]


def _pushing(there: registry.Registry) -> list[Finding]:
    name = there.door.where.repository(PROBE)
    try:
        cancelled = there.begin_push(PROBE)
    except RegistryError as error:
        if error.cause not in UNMADE:
            raise
        words = f"Whether we may push was not tested: it has no repository {name}, and makes none by itself"
        return [Finding("warning", words, "Make the repository of each app there before its first build.")]
    return [Finding("ok", "We may push", "" if cancelled else LEFT)]
