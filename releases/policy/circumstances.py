"""What keeps an app or a release from being changed just now, whoever asks."""

from django.conf import settings

from releases.models import App, Build, Domain, Release, Source
from releases.models.actor import Actor
from releases.models.build import UPLOAD
from releases.policy.actors import reaches
from releases.policy.reason import Reason

# In words for people, of times in UTC.
MOMENT = "%Y-%m-%d %H:%M UTC"


def running_rollout(app_name: str, number: int, release_id: str, *, replaceable: bool = True) -> Reason:
    """`replaceable`: what is refused could go on in its place."""
    ways = (
        "Wait for its end, abort it, or replace it (`--replace`)." if replaceable else "Wait for its end, or abort it."
    )
    return Reason("rollout_in_progress", f"Rollout {number} of {app_name} ({release_id}) is still running. {ways}")


def too_many_builds(app: App) -> list[Reason]:
    unfinished = Build.unfinished().filter(app=app).count()
    if unfinished < settings.BUILDS_PER_APP:
        return []
    words = f"{unfinished} builds of {app.name} run or wait, and more are not allowed: wait, or cancel one."
    return [Reason("too_many_builds", words)]


def not_again(build: Build) -> list[Reason]:
    """Why the very same source can't be built once more."""
    if not build.is_finished:
        return [Reason("not_over", f"Build {build.pk} is not over yet.")]
    if build.origin == UPLOAD:
        words = "Its source was uploaded, and deleted when the build ended: deploy it again from its folder."
        return [Reason("source_gone", words)]
    if Source.objects.filter(app=build.app_id).values_list("url", flat=True).first() != build.repository:
        words = f"{build.repository} is not the app's repository any more."
        return [Reason("another_repository", words)]
    return []


def images_removed(release: Release, *, anew: bool) -> list[Reason]:
    """`anew`: retention may have come between the reading of the release and the lock on its app; a page that lists
    many has read their builds with them."""
    if anew:
        removed = Build.objects.filter(pk=release.build_id).values_list("images_removed_at", flat=True).first()
    else:
        removed = release.build.images_removed_at
    if removed is None:
        return []
    words = f"The images of {release.pk} were removed on {removed:%Y-%m-%d} by retention: build it anew."
    return [Reason("images_removed", words)]


def locked(app: App) -> list[Reason]:
    """As the row of `app` says, which a promote has locked: nobody can lock the app between this and its rollout."""
    lock = app.lock
    if lock is None:
        return []
    until = f", until {lock.until:{MOMENT}}" if lock.until else ""
    words = f"{app.name} is locked by {lock.by_label} since {lock.since:{MOMENT}}{until}: {lock.reason}"
    how = f"Whoever deploys may unlock it: `deployer unlock -a {app.name}`."
    return [Reason("locked", f"{words if words.endswith(('.', '!', '?')) else words + '.'} {how}")]


def hosts_taken(app: App, release: Release, by: Actor) -> list[Reason]:
    """Domains of the manifest that lead elsewhere in this cluster, since somebody has given them to an app."""
    wanted = {host: name for name, service in release.manifest["services"].items() for host in service["domain"] or []}
    if not wanted:
        return []
    taken = Domain.objects.filter(cluster=app.cluster_id, host__in=wanted).select_related("app")
    return [
        Reason("domain_taken", f"{row.host} is a domain of {_led_to(row, by)} already.")
        for row in taken
        if (row.app_id, row.service) != (app.pk, wanted[row.host])
    ]


def _led_to(row: Domain, by: Actor) -> str:
    return f"{row.app.name} and leads to its {row.service}" if reaches(row.app_id, by=by) else "another app"


def rollout_in_progress(app: App, *, replace: bool = False, replaceable: bool = True) -> list[Reason]:
    """`replace`: only one that can't be replaced is a reason; `replaceable`: what is refused could replace it."""
    running = app.unfinished_rollout
    if running is None:
        return []
    if replace and running.status == "rolling_back":
        words = f"Rollout {running.number} of {app.name} is being rolled back: wait for its end."
        return [Reason("rolling_back", words)]
    if replace:
        return []
    return [running_rollout(app.name, running.number, running.release_id, replaceable=replaceable)]


def variables_missing(release: Release) -> list[Reason]:
    return [
        Reason("variable_missing", f"{name} is required by the manifest and not set: set it with `env set {name}=…`.")
        for name in release.missing_variables()
    ]
