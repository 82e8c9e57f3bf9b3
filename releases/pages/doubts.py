"""What to think of before a release is promoted: nothing forbids it, but it is rarely what one means."""

from releases.models import App, Release

ENDED_BADLY = {"rolled_back": "was rolled back", "failed": "failed"}


def doubts(release: Release, app: App) -> list[str]:
    """In sentences; none for most releases, nor for the active one."""
    active = app.active_release
    if active is None or active.pk == release.pk:
        return _of_its_rollouts(release)
    found = []
    if (release.created_at, release.pk) < (active.created_at, active.pk):
        found.append(
            f"{release.pk} is older than {active.pk}, which is active: promoting it takes back what came between them."
        )
    return found + _of_its_rollouts(release)


def _of_its_rollouts(release: Release) -> list[str]:
    bad = release.rollouts.filter(status__in=ENDED_BADLY).order_by("-number")
    last = bad.only("release_id", "number", "status", "reason").first()
    if last is None:
        return []
    words = f"Rollout {last.number} of it {ENDED_BADLY[last.status]}"
    return [f"{words}: {last.reason}" if last.reason else f"{words}."]
