"""One rollout: how far it is, what went wrong."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from releases import actions, policy
from releases.models import Rollout
from releases.pages import squares, status
from releases.pages.durations import seconds_taken, usual_seconds
from releases.policy import Actor

SECTIONS = ("rollout-head", "rollout-progress")
AWAY = ("rolling_back", "rolled_back")


@dataclass(frozen=True)
class Step:
    """`state`: done, now, failed, or "" for what is still to come."""

    name: str
    state: str
    detail: str = ""

    @property
    def icon(self) -> str:
        return {"done": "✓", "now": "◐", "failed": "✕"}.get(self.state, "")


def context(rollout: Rollout, *, by: Actor) -> dict[str, Any]:
    shown = status.ROLLOUT[rollout.status]
    heading = _heading(rollout)
    lanes = squares.of_rollout(rollout)
    taken = seconds_taken(rollout)
    return {
        "rollout": rollout,
        "release": rollout.release,
        "status": shown,
        "heading": heading,
        "tab": f"{shown.icon} {heading} · {rollout.app.name}",
        "seconds": taken if taken is not None else (timezone.now() - rollout.created_at).total_seconds(),
        "usual_seconds": usual_seconds(rollout.app),
        "lanes": lanes,
        "steps": _steps(rollout, lanes),
        "outcome": _outcome(rollout),
        "place": actions.queue_place(rollout, by=by),
        "abort_refusals": policy.refusals("abort", by=by, app=rollout.app),
        "abortable": rollout.status in ("queued", "releasing", "rolling", "paused"),
        "evidence": rollout.evidence[-20:],
    }


def _heading(rollout: Rollout) -> str:
    """What it is doing, or was meant to do: the page's title."""
    if rollout.kind == Rollout.ROLLBACK:
        target = rollout.release.rolled_back_to_id or rollout.release_id
        words = {"succeeded": "Rolled back to"}.get(
            rollout.status, "Rolling back to" if not rollout.is_finished else "Rollback to"
        )
        return f"{words} {target}"
    words = {"succeeded": "Promoted"}.get(rollout.status, "Promoting" if not rollout.is_finished else "Promote of")
    return f"{words} {rollout.release_id}"


def _steps(rollout: Rollout, lanes: list[squares.Lane]) -> list[Step]:
    """Release command (where there is one), rolling, verify, active: each with how it stands."""
    names = ["Rolling", "Verify", "Active"]
    if rollout.release.manifest.get("release") and rollout.kind == Rollout.PROMOTE:
        names = ["Release command", *names]
    here = _here(rollout, names)
    at = names.index(here)
    states = {name: "done" if place < at else "now" if place == at else "" for place, name in enumerate(names)}
    if rollout.status == "succeeded":
        states = dict.fromkeys(names, "done")
    elif rollout.is_finished or rollout.status == "rolling_back":
        states[here] = "failed"
    return [Step(name, states[name], _detail(name, rollout, lanes)) for name in names]


def _here(rollout: Rollout, names: list[str]) -> str:
    """The step that it is at, or that it ended at."""
    if rollout.status == "succeeded":
        return "Active"
    if rollout.status in ("queued", "releasing"):
        return names[0]
    if rollout.status in ("cancelled", "failed", "superseded") and not rollout.progress.get("applied"):
        return names[0]
    verifying = rollout.status == "rolling" and bool(rollout.progress.get("verify_until"))
    return "Verify" if verifying else "Rolling"


def _detail(name: str, rollout: Rollout, lanes: list[squares.Lane]) -> str:
    manifest = rollout.release.manifest
    if name == "Release command":
        return _line(manifest["release"]["command"])
    if name == "Rolling" and rollout.squares and rollout.status not in AWAY:
        ready, all_of_them = sum(lane.ready for lane in lanes), sum(lane.desired or 0 for lane in lanes)
        return f"{ready} of {all_of_them} processes" if all_of_them else f"{ready} processes"
    if name == "Verify":
        seconds = [service.get("deployment", {}).get("verify") for service in manifest["services"].values()]
        longest = max((value for value in seconds if value), default=0)
        return f"ready for {longest} s" if longest else ""
    return ""


def _line(command: Any) -> str:
    words = " ".join(command) if isinstance(command, list) else str(command)
    return words if len(words) <= 60 else words[:59] + "…"


def _outcome(rollout: Rollout) -> str:
    """The result in a sentence."""
    before = f"{rollout.previous_id} is active again" if rollout.previous_id else "nothing runs"
    if rollout.status == "succeeded":
        gone = f" It replaced {rollout.previous_id}." if rollout.previous_id else ""
        return f"{rollout.release_id} is active on every process.{gone}"
    if rollout.status == "rolled_back":
        return (
            f"{rollout.release_id} was undone: {before}, on every process."
            if rollout.previous_id
            else (f"{rollout.release_id} was undone. It was the first release: {before}.")
        )
    if rollout.status == "cancelled":
        return "Nothing was changed."
    if rollout.status == "superseded":
        return "A later rollout took its place."
    return ""
