"""The app's pull secret in its namespace: there before anything needs it, and always with the logins of today."""

import logging
from collections.abc import Iterable

from django.conf import settings

from releases.clients.cluster import Cluster
from releases.errors import ClusterError, ClusterUnavailable, Conflict, RegistryError, RolloutFailed
from releases.models import App, Release, Rollout
from releases.pipeline import manifests, registries, written
from releases.pipeline.applying import MANAGER, Object, Writer
from releases.pipeline.ground import Ground
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
TRIES = 20


def is_private(release: Release) -> bool:
    """Whether its images are pulled with a login. Raises RolloutFailed: a password can't be decrypted."""
    try:
        return bool(registries.logins_for(release.app, release.images.values()))
    except RegistryError as error:
        raise _failed(error) from error


def apply(writer: Writer, app: App) -> None:
    """Write it, if the app needs one now. Raises what the writer raises, and RolloutFailed: also for a stranger's."""
    try:
        wanted = _wanted(app)
        while wanted is not None:
            writer.apply(wanted, force=True)
            before, wanted = wanted, _wanted(app)
            if wanted == before:  # else somebody gave a registry another login meanwhile, and may have been first
                return
    except RegistryError as error:
        raise _failed(error) from error


def bring_back(ground: Ground, objects: list[Object]) -> None:
    """For a restore of `objects`: with the logins of today; where those can't be had, what is there has to do."""
    if not manifests.pulls_with_secret(objects):
        return
    try:
        apply(ground.writer, ground.rollout.app)
    except RolloutFailed as error:
        ground.say(f"The pull secret stays as it is: {error.message}", key="pull secret")


def kept(objects: Iterable[Object]) -> set[str]:
    """The names of Secrets that a prune has to leave alone for these objects."""
    return {manifests.PULL_SECRET} if manifests.pulls_with_secret(list(objects)) else set()


# --- A registry has another login -----------------------------------------------------------------------------------


def renew_all() -> list[str]:
    """In every namespace that has one. Gives what came of it in words, a sentence for each app; never raises for what
    a cluster does: the app's next rollout writes it again."""
    said = []
    away: dict[int, ClusterUnavailable] = {}
    for app in App.objects.filter(rollouts_made__gt=0).order_by("name"):
        try:
            if _renewed(app, away):
                said.append(f"{app.name} pulls with the new login from now on.")
        except (ClusterError, RegistryError) as error:
            said.append(f"{app.name} gets the new login with its next rollout: {error.message}")
    return said


def _renewed(app: App, away: dict[int, ClusterUnavailable]) -> bool:
    """False where there is none that is ours. Raises ClusterError, RegistryError.

    `away`: clusters that did not answer, by row: nobody wants to wait for each of them once per app.
    """
    wanted = _wanted(app)
    if wanted is None:
        return False
    if app.cluster_id in away:
        raise away[app.cluster_id]
    try:
        return _write_over(cluster_of(app), app, wanted)
    except ClusterUnavailable as error:
        away[app.cluster_id] = error
        raise


def _write_over(cluster: Cluster, app: App, wanted: Object | None) -> bool:
    """False where there is none that is ours."""
    for _ in range(TRIES):
        live = cluster.find("Secret", app.namespace, manifests.PULL_SECRET)
        if live is None or not Own(settings.DEPLOYER_INSTALLATION).is_ours(live):
            return False
        if wanted is not None and _write(cluster, wanted, live):
            before, wanted = wanted, _wanted(app)
            if wanted is None or wanted == before:
                return True
    raise Conflict("its pull secret keeps changing under our hands.")


def _write(cluster: Cluster, wanted: Object, live: Object) -> bool:
    """Exactly onto the version that was read, leaving the stamp of the rollout that wrote it. False: read again."""
    metadata = wanted["metadata"]
    annotations = metadata["annotations"] | {manifests.EPOCH: ".".join(map(str, written.stamp(live)))}
    version = live["metadata"]["resourceVersion"]
    body = {**wanted, "metadata": {**metadata, "annotations": annotations, "resourceVersion": version}}
    try:
        cluster.apply(body, manager=MANAGER, force=True)
    except Conflict:
        return False
    return True


# --- What it holds --------------------------------------------------------------------------------------------------


def _wanted(app: App) -> Object | None:
    """For all releases whose processes may be started. None: nothing of them needs a login. Raises RegistryError."""
    app = App.objects.select_related("registry").get(pk=app.pk)
    logins = registries.logins_for(app, _images(app))
    if not logins:
        return None
    pairs = {address: (login.username, login.password) for address, login in logins.items()}
    return manifests.pull_secret(app, pairs, installation=settings.DEPLOYER_INSTALLATION)


def _images(app: App) -> set[str]:
    """Of what is active, what is on its way, and what would come back."""
    under_way = Rollout.unfinished().filter(app=app).values_list("release", "previous")
    keys = {key for pair in under_way for key in pair} | {app.active_release_id}
    found = Release.objects.filter(pk__in=keys - {None}).values_list("images", flat=True)
    return {image for images in found for image in images.values()}


def _failed(error: RegistryError) -> RolloutFailed:
    return RolloutFailed(error.message, cause="registry", hint=error.hint)
