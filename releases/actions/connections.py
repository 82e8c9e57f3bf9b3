"""Try whether an app's repository can be read."""

import time
from dataclasses import dataclass, field

from releases import audit, logs, policy
from releases.errors import SourceFailed, WrongState
from releases.models import App, Source
from releases.pipeline import repositories
from releases.policy import Actor

# A person waits for it.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Tested:
    """`heads`: branch → commit; `problem` and `hint`: why there are none, "" if all is well."""

    heads: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    hint: str = ""


def test_source(app: App, *, by: Actor) -> Tested:
    """Asks the repository for its branches, now. That it can't be read is a finding, not an error.

    Raises NotAllowed, WrongState.
    """
    policy.require("manage_source", by=by, app=app)
    source = Source.objects.filter(app=app).first()
    if source is None:
        raise WrongState(f"{app.name} has no repository.")
    tested = _asked(source)
    if not tested.problem:
        well = {"problem": "", "hint": "", "problem_since": None, "failures": 0, "look_after": None}
        Source.objects.filter(pk=source.pk, url=source.url).update(**well)
    audit.record("test_source", by=by, app=app, subject=source.url, problem=bool(tested.problem))
    logs.pages_changed(app.pk)
    return tested


def _asked(source: Source) -> Tested:
    until = time.monotonic() + PATIENCE_SECONDS

    def stop() -> None:
        if time.monotonic() > until:
            raise SourceFailed(
                f"It does not answer within {PATIENCE_SECONDS:g} s.",
                cause="timeout",
                hint="See whether the server is well, and whether it may be reached from here.",
            )

    try:
        heads = repositories.repository_of(source, stop=stop).heads()
    except SourceFailed as error:
        return Tested(problem=error.message, hint=error.hint)
    if source.branch in heads:
        return Tested(heads)
    words = f"It answers, and has no branch {source.branch}." if heads else "It answers, and is empty."
    return Tested(heads, words, "Name another branch, or push to this one.")
