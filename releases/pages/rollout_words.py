"""What the page of a rollout says: its title, who made it and from where, what an abort does, what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from releases.models import Release, Rollout
from releases.models.lifecycle import Authored
from releases.pages import whose
from releases.pages.durations import in_words, seconds_taken
from releases.pages.history.whence import whence
from releases.pages.rollout_steps import turned_round
from releases.policy import Actor

# What may well pass by itself; all others are broken.
PASSING = ("never_ready", "unschedulable", "quota")


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong while it runs. `since`, `until`: None where there is no such time."""

    who: str
    service: str
    process: str
    what: str
    words: str
    line: str
    hint: str
    fate: str
    tone: str
    since: datetime | None
    until: datetime | None


def heading(rollout: Rollout) -> str:
    """What it is doing, or was meant to do: the page's title."""
    if rollout.kind == Rollout.ROLLBACK:
        target = rollout.release.rolled_back_to_id or rollout.release_id
        words = {"succeeded": "Rolled back to"}.get(
            rollout.status, "Rolling back to" if not rollout.is_finished else "Rollback to"
        )
        return f"{words} {target}"
    words = {"succeeded": "Promoted"}.get(rollout.status, "Promoting" if not rollout.is_finished else "Promote of")
    return f"{words} {rollout.release_id}"


def made_how(row: Authored, *, by: Actor) -> str:
    """`by you, in the browser`; `by ada, with the token ci`; `push by ada`."""
    came = whence(row)
    if row.by_id is None and came.way in ("push", "pull request"):
        return came.name
    who = whose.name_of(row, came.name, to=by)
    how = f"with the {came.words}" if came.token else came.words
    return ", ".join(filter(None, [f"by {who}", how]))


def made_of(release: Release) -> str:
    """What its build was made of; an upload that nobody described has no words of its own."""
    words = release.build.description or release.build.subject or release.description
    return "of an upload" if words == "build" else words


def troubles(rollout: Rollout) -> list[Trouble]:
    """As its worker saw them last; none once it is decided."""
    if rollout.status not in ("releasing", "rolling"):
        return []
    return [_trouble(row, rollout) for row in rollout.progress.get("causes", [])]


def _trouble(row: dict[str, Any], rollout: Rollout) -> Trouble:
    others = row.get("others", 0)
    who = row.get("process") or row.get("service", "")
    left = row.get("exits_left", 0)
    fate = _fate(rollout)
    if left:
        fate = f"One more exit and {fate}." if left == 1 else f"{left} more exits of it and {fate}."
    return Trouble(
        who=f"{who} and {others} more" if others else who,
        service=row.get("service", ""),
        process=row.get("process", ""),
        what=row.get("what", "").replace("is ", "are ", 1) if others else row.get("what", ""),
        words=_sentence(row.get("words", "")),
        line=row.get("line", ""),
        hint=row.get("hint", ""),
        fate=fate,
        tone="busy" if row.get("kind") in PASSING else "bad",
        since=parse_datetime(row.get("since", "")),
        until=parse_datetime(row.get("until", "")),
    )


def _fate(rollout: Rollout) -> str:
    if rollout.status == "releasing":
        return "this rollout fails, with nothing changed"
    return f"this rollout restores {rollout.previous_id}" if rollout.previous_id else "this rollout is taken down again"


def abort_words(rollout: Rollout) -> str:
    """What an abort would do now; "" when it can't be aborted any more."""
    if rollout.status == "queued" and not rollout.inherits_change:
        return "Nothing has been changed yet: an abort just ends it."
    if rollout.status == "releasing" and not rollout.inherits_change:
        return "Nothing that runs has been changed yet: an abort stops the release command, which may have run in part."
    if rollout.status not in ("queued", "releasing", "rolling", "paused"):
        return ""
    if not rollout.previous_id:
        return "Nothing ran before: an abort takes it down again. Volumes stay."
    migrations = " What the release command changed is not reverted." if "job" in rollout.progress else ""
    return f"An abort brings {rollout.previous_id} back on every process.{migrations}"


def abort_asked(rollout: Rollout) -> str:
    """What comes of an abort that was asked for now."""
    if rollout.status == "queued" and not rollout.inherits_change:
        return "Aborted before anything was changed."
    if rollout.status == "releasing" and not rollout.inherits_change:
        return "Abort is asked for: the release command is stopped."
    what = f"{rollout.previous_id} comes back" if rollout.previous_id else "it is taken down again"
    return f"Abort is asked for: {what}."


def outcome(rollout: Rollout) -> str:
    """The result in a sentence; "" while it runs."""
    seconds = seconds_taken(rollout)
    after = f" after {in_words(seconds)}" if seconds is not None else ""
    return {
        "succeeded": _succeeded,
        "rolled_back": _rolled_back,
        "failed": _failed,
        "cancelled": _unchanged,
        "superseded": lambda *_: f"Rollout {rollout.number + 1} took its place.",
    }.get(rollout.status, lambda *_: "")(rollout, after)


def _succeeded(rollout: Rollout, after: str) -> str:
    gone = f" It replaced {rollout.previous_id}." if rollout.previous_id else ""
    what = f"{rollout.release_id} is active on every process."
    unverified = rollout.reason.removeprefix(what).strip() if rollout.reason.startswith(what) else ""
    if rollout.app.active_release_id == rollout.release_id:
        said = f"{rollout.release_id} is active on every process{after and f', {after.strip()}'}.{gone}"
    else:
        said = f"{rollout.release_id} became active on every process{after}.{gone}"
    return f"{said} {unverified}".strip()


def _rolled_back(rollout: Rollout, after: str) -> str:
    if not rollout.previous_id:
        return f"{rollout.release_id} was undone{after}. It was the first release: nothing runs."
    return f"{rollout.release_id} was undone{after}: {rollout.previous_id} is active again, on every process."


def _failed(rollout: Rollout, after: str) -> str:
    if not turned_round(rollout):
        return _unchanged(rollout, after)
    return "The restore failed too: what runs now is not completely one release."


def _unchanged(rollout: Rollout, after: str) -> str:
    still = f" {rollout.previous_id} is still active." if rollout.previous_id else ""
    return f"Nothing that runs was changed.{still}"


def runs_now(rollout: Rollout, lanes: list[Any]) -> list[tuple[str, str]]:
    """After a restore that failed: service → the releases that its processes run, as last seen."""
    if rollout.status != "failed" or not turned_round(rollout):
        return []
    found = []
    for lane in lanes:
        counts: dict[str, int] = {}
        for square in lane.squares:
            if square.state != "stopping":
                counts[square.release or "unknown"] = counts.get(square.release or "unknown", 0) + 1
        words = ", ".join(f"{count} of {release}" for release, count in sorted(counts.items()))
        found.append((lane.service, words or "no process"))
    return found


def _sentence(words: str) -> str:
    return words if not words or words.endswith((".", "!", "?", "…")) else f"{words}."
