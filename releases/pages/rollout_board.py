"""One rollout: how far it is, what goes wrong, what came of it."""

from typing import Any

from django.utils import timezone

from releases import actions, policy
from releases.models import Rollout
from releases.pages import rollout_words, squares, status
from releases.pages.diagnosis import stored
from releases.pages.durations import seconds_taken, usual_seconds
from releases.pages.rollout_steps import steps
from releases.policy import Actor, Reason

SECTIONS = ("rollout-head", "rollout-progress")
EVIDENCE_SHOWN = 20


def context(rollout: Rollout, *, by: Actor) -> dict[str, Any]:
    app, release = rollout.app, rollout.release
    release.app = release.build.app = app
    if rollout.previous:
        rollout.previous.app = app
    shown = status.ROLLOUT[rollout.status]
    heading = rollout_words.heading(rollout)
    lanes = squares.of_rollout(rollout)
    taken = seconds_taken(rollout)
    troubles = rollout_words.troubles(rollout)
    found = stored.first(rollout, by=by)
    return {
        "rollout": rollout,
        "release": release,
        "what": rollout_words.made_of(release),
        "status": shown,
        "heading": heading,
        "tab": f"{shown.icon} {heading} · {app.name}",
        "made_how": rollout_words.made_how(rollout, by=by),
        "seconds": taken if taken is not None else (timezone.now() - rollout.created_at).total_seconds(),
        "usual_seconds": usual_seconds(app, like=rollout) if not rollout.is_finished else None,
        "lanes": lanes,
        "steps": steps(rollout, lanes),
        "troubles": troubles,
        "stored": found,
        "hint": (found and found.hint) or rollout.hint,
        "announced": f"{troubles[0].who} {troubles[0].what}" if troubles else shown.word,
        "outcome": rollout_words.outcome(rollout),
        "runs_now": rollout_words.runs_now(rollout, lanes),
        "place": actions.queue_place(rollout, by=by),
        "abort_words": rollout_words.abort_words(rollout),
        "abort_refusals": policy.refusals("abort", by=by, app=app),
        "again": _again(rollout),
        "again_refusals": _again_refusals(rollout, by),
        "evidence": rollout.evidence[-EVIDENCE_SHOWN:],
        "earlier": rollout.number - 1 or None,
        "later": rollout.number + 1 if rollout.number < app.rollouts_made else None,
    }


def _again(rollout: Rollout) -> bool:
    """Whether the next thing to do may be to promote the same once more: nothing was promoted since."""
    return rollout.status in ("rolled_back", "failed", "cancelled") and rollout.number == rollout.app.rollouts_made


def _again_refusals(rollout: Rollout, by: Actor) -> list[Reason]:
    if not _again(rollout):
        return []
    return policy.refusals("promote", by=by, app=rollout.app, release=rollout.release)
