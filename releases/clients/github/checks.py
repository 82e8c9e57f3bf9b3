"""Whether a commit's checks are green: its statuses and check runs, taken together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# docs.github.com/rest/checks/runs: what a finished run may have concluded.
GREEN = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True)
class Checks:
    """The names of a commit's checks by what they say; a name that two have is there twice."""

    green: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def state(self) -> Literal["failed", "waiting", "green", "none"]:
        """`none`: nobody has said anything of this commit (yet)."""
        if self.failed:
            return "failed"
        if self.waiting:
            return "waiting"
        return "green" if self.green else "none"


def judge(statuses: Iterable[dict], suites: Iterable[dict], runs: Iterable[dict], *, without: str) -> Checks:
    """`statuses`: the newest of each context; `runs`: the newest of each name. Those named `without…` are our own.

    An unfinished suite that has runs will have more; one without is only GitHub's offer to an App that never checks.
    """
    found: dict[str, list[str]] = {"green": [], "waiting": [], "failed": []}
    for status in statuses:
        if not status["context"].startswith(without):
            found[_of_status(status["state"])].append(status["context"])
    for run in runs:
        if not run["name"].startswith(without):
            found[_of_run(run)].append(run["name"])
    for suite in suites:
        if suite["status"] != "completed" and suite["latest_check_runs_count"]:
            found["waiting"].append((suite.get("app") or {}).get("name") or "a check suite")
    return Checks(*(tuple(found[kind]) for kind in ("green", "waiting", "failed")))


def _of_status(state: str) -> str:
    return {"success": "green", "pending": "waiting"}.get(state, "failed")


def _of_run(run: dict) -> str:
    if run["status"] != "completed":
        return "waiting"
    return "green" if run["conclusion"] in GREEN else "failed"
