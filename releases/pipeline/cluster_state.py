"""How a cluster is now: whether it answers, in which version, and whether we may do there what we have to."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.fernet import InvalidToken
from django.utils import timezone

from releases import logs
from releases.clients import kubeconfig
from releases.clients.cluster import Cluster as Connection
from releases.errors import ClusterError, Invalid
from releases.models import Cluster
from releases.models.cluster import KUBECONFIG
from releases.models.storable import fitted
from releases.pipeline import reach, rights

OLDEST = (1, 30)
WRITTEN_EVERY = timedelta(minutes=1)
ASKED_AT_ONCE = 8
WORDS_MAX = 500
VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
NEEDED = rights.Question("list", "", "pods", "")
STATUS_HINTS = {
    401: (
        "It does not know our credentials",
        "The token or client certificate has expired or was withdrawn: give the cluster a new kubeconfig.",
    ),
    403: ("It refuses our credentials", rights.HINT),
    404: ("What answers there does not know the address", "See that the address is the API server's own."),
    429: ("It is too busy to answer", "It asks for patience: see what else asks so much of it."),
}
OTHER = ("It refuses", "See that the address is the API server's own.")
SERVER_FAULT = ("It answers with an error of its own", "See to the API server, its etcd and whatever is before it.")


@dataclass(frozen=True)
class Seen:
    """One look. `problem` is blank when it can be used; `version` when it did not say."""

    version: str = ""
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Finding:
    """A line of the connection test. `state`: ok, warning or missing. `right`: it is one (`create namespaces`)."""

    state: str
    words: str
    hint: str = ""
    right: bool = False


# --- A look ---------------------------------------------------------------------------------------------------------


def look(row: Cluster) -> Seen:
    """Never raises for what the cluster or its access does; takes as long as that takes, within its time-outs."""
    version = ""
    try:
        connection = reach.connection_to(row)
        version = connection.version()
        # The version is told to anybody: only a question of our own shows that we are known.
        if not connection.may(NEEDED.attributes):
            return Seen(version, f"We may not {NEEDED.words} there: rights are missing.", rights.HINT)
    except ClusterError as error:
        return why(error, row, version)
    return Seen(version)


def note(row: Cluster, seen: Seen) -> bool:
    """Write what was seen, unless nothing changed within the minute or the row has another access by now.

    True if something has changed; pages that show it draw themselves anew.
    """
    now = timezone.now()
    version = seen.version[:100] or row.version
    changed = row.checked_at is None or (row.version, row.problem, row.hint) != (version, seen.problem, seen.hint)
    if not changed and row.checked_at and now - row.checked_at < WRITTEN_EVERY:
        return False
    since = (row.problem_since or now) if seen.problem else None
    here = Cluster.objects.filter(pk=row.pk, kubeconfig=row.kubeconfig)
    columns = {"version": version, "problem": seen.problem, "hint": seen.hint}
    written = here.update(**fitted(Cluster, columns), problem_since=since, checked_at=now)
    if changed and written:
        logs.cluster_changed(row)
    return bool(changed and written)


def why(error: ClusterError, row: Cluster, version: str = "") -> Seen:
    """What is wrong when it answers so, or not at all, and what to do."""
    problem, hint = error.message, error.hint
    if error.status:
        words, hint = STATUS_HINTS.get(error.status, SERVER_FAULT if error.status >= 500 else OTHER)
        problem = f"{words} ({error.status}): {error.message}"
    return Seen(version, logs.clean(problem)[:WORDS_MAX], _expired(row) or hint)


def certificate_ends(row: Cluster) -> datetime | None:
    """When the client certificate of its kubeconfig does; None without one that can be read."""
    if row.kind != KUBECONFIG:
        return None
    try:
        return kubeconfig.read(row.kubeconfig.open()).expires()
    except (Invalid, InvalidToken, ValueError):
        return None


def _expired(row: Cluster) -> str:
    """What explains any refusal: a client certificate that has ended."""
    ends = certificate_ends(row)
    if ends is None or ends > datetime.now(UTC):
        return ""
    return f"The client certificate has expired on {ends:%Y-%m-%d}: give the cluster a new kubeconfig."


# --- The connection test --------------------------------------------------------------------------------------------


def test(row: Cluster) -> tuple[Seen, list[Finding]]:
    """A look, and each right that we need there, asked one by one."""
    seen = look(row)
    if not seen.version:
        return seen, [Finding("missing", seen.problem, seen.hint)]
    findings = [_version(seen.version)]
    try:
        findings += _rights(reach.connection_to(row))
    except ClusterError as error:
        seen = why(error, row, seen.version)
        findings.append(Finding("missing", seen.problem, seen.hint))
    return seen, findings


def _version(version: str) -> Finding:
    oldest = ".".join(map(str, OLDEST))
    found = VERSION.match(version)
    if found is None:
        return Finding("warning", f"It calls its version {version[:60]}: at least {oldest} is needed.")
    if (int(found[1]), int(found[2])) < OLDEST:
        return Finding(
            "warning", f"Kubernetes {version[:60]} is older than {oldest}.", "Not all of Deployer is known to work."
        )
    return Finding("ok", f"Kubernetes {version[:60]}")


def _rights(connection: Connection) -> list[Finding]:
    """Raises ClusterError."""
    questions = list(rights.questions())
    pool = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="rights")
    try:
        answers = list(pool.map(lambda question: connection.may(question.attributes), questions))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return [
        Finding("ok" if may else "missing", question.words, "" if may else rights.HINT, right=True)
        for question, may in zip(questions, answers, strict=True)
    ]
