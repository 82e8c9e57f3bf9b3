"""The steps of a rollout: how each stands, what it does, how long it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from releases.models import Rollout
from releases.pages import squares
from releases.pages.durations import in_words
from releases.pipeline import manifests

COMMAND, ROLLING, VERIFY, ACTIVE, RESTORE = "Release command", "Rolling", "Verify", "Active", "Restore"
LINE_MAX = 60


@dataclass(frozen=True)
class Step:
    """`state`: done, now, failed, or "" for what is still to come. `since`: when the one that goes on began."""

    name: str
    state: str
    detail: str = ""
    since: datetime | None = None

    @property
    def icon(self) -> str:
        return {"done": "✓", "now": "◐", "failed": "✕"}.get(self.state, "")

    @property
    def word(self) -> str:
        """The icon, for those who don't see it."""
        return {"done": "done", "now": "now", "failed": "failed"}.get(self.state, "to come")


def turned_round(rollout: Rollout) -> bool:
    """Whether the previous release was, or is being, brought back."""
    return rollout.status in ("rolling_back", "rolled_back") or "restore_since" in rollout.progress


def steps(rollout: Rollout, lanes: list[squares.Lane]) -> list[Step]:
    """Release command (where there is one), rolling, verify, active; of one that was turned round: where, and back."""
    names = _names(rollout)
    here = _here(rollout, names)
    times = _times(rollout)
    found = []
    for name in names:
        state = _state(name, here, names, rollout)
        began, ended = times.get(name, (None, None))
        goes_on = state == "now" and not rollout.is_finished
        took = in_words((ended - began).total_seconds()) if began and ended and state in ("done", "failed") else ""
        detail = " · ".join(filter(None, [_detail(name, rollout, lanes), took]))
        found.append(Step(name, state, detail, began if goes_on else None))
    return found


def _names(rollout: Rollout) -> list[str]:
    has_command = rollout.release.manifest.get("release") and rollout.kind == Rollout.PROMOTE
    before = [COMMAND] if has_command else []
    if turned_round(rollout):
        verified = [VERIFY] if _verifying(rollout) else []
        return [*before, ROLLING, *verified, RESTORE]
    return [*before, ROLLING, VERIFY, ACTIVE]


def _verifying(rollout: Rollout) -> bool:
    return bool(rollout.progress.get("verify_until") or rollout.progress.get("ready_since"))


def _here(rollout: Rollout, names: list[str]) -> str:
    """The step that it is at, or that it ended at."""
    if rollout.status == "succeeded" or turned_round(rollout):
        return names[-1]
    changed = rollout.status in ("rolling", "paused") or rollout.progress.get("applied")
    if not changed and (rollout.status != "superseded" or "rolling" not in rollout.progress.get("entered", {})):
        return names[0]
    return VERIFY if _verifying(rollout) else ROLLING


def _state(name: str, here: str, names: list[str], rollout: Rollout) -> str:
    if turned_round(rollout):
        if name == RESTORE:
            return {"rolled_back": "done", "rolling_back": "now"}.get(rollout.status, "failed")
        return "failed" if name == names[-2] else "done"
    if rollout.status == "succeeded":
        return "done"
    place, at = names.index(name), names.index(here)
    if place != at:
        return "done" if place < at else ""
    if rollout.is_finished:
        return "failed" if rollout.status == "failed" else ""
    return "" if rollout.status == "queued" else "now"


def _times(rollout: Rollout) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Step → when it began and ended, as far as that is known: of rollouts of long ago it is not."""
    entered = {status: parse_datetime(text) for status, text in rollout.progress.get("entered", {}).items()}
    ready = parse_datetime(rollout.progress.get("ready_since", ""))
    over = rollout.finished_at
    back = entered.get("rolling_back")
    end = back or over
    return {
        COMMAND: (entered.get("releasing"), entered.get("rolling") or end),
        ROLLING: (entered.get("rolling"), ready or end),
        VERIFY: (ready, end),
        RESTORE: (back, over),
    }


def _detail(name: str, rollout: Rollout, lanes: list[squares.Lane]) -> str:
    if name == COMMAND:
        return _line(rollout.release.manifest["release"]["command"])
    if name == ROLLING and rollout.squares and not turned_round(rollout):
        ready, wanted = sum(lane.ready for lane in lanes), sum(lane.desired or 0 for lane in lanes)
        return f"{ready} of {wanted} processes" if wanted else f"{ready} processes"
    if name == VERIFY:
        longest = max(map(_verify_seconds, rollout.release.manifest["services"].values()), default=0)
        return f"ready for {longest} s" if longest else ""
    if name == RESTORE:
        return f"back to {rollout.previous_id}" if rollout.previous_id else "taken down"
    return ""


def _verify_seconds(service: dict[str, Any]) -> int:
    """Of a manifest as it was stored then: older ones lack what was added since."""
    return manifests.verify_seconds({"deployment": {}, "health": None, **service})


def _line(command: Any) -> str:
    words = " ".join(command) if isinstance(command, list) else str(command)
    return words if len(words) <= LINE_MAX else words[: LINE_MAX - 1] + "…"
