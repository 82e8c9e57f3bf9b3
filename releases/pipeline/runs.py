"""One-off processes in a cluster: made, let go, taken away; and those taken away that nobody carries any more."""

import logging
import secrets
import string
import time
from dataclasses import dataclass

from django.conf import settings

from releases import queues
from releases.clients.cluster import Cluster, Object
from releases.errors import ClusterError, Conflict, NotAllowed, RegistryError, RolloutFailed, WrongState
from releases.models import App, Release
from releases.models import Cluster as ClusterRow
from releases.pipeline import applying, manifests, reach, registries
from releases.pipeline.applying import MANAGER
from releases.pipeline.ownership import Own

logger = logging.getLogger(__name__)
TRIES = 20
AT_ONCE = 20
# Whoever carries one says so this often; one of which nobody has said so for so long is taken away.
BEAT_SECONDS, SILENT_SECONDS = 5.0, 20.0
_silent: dict[str, float] = {}


@dataclass(frozen=True)
class Run:
    """A Job that was made and waits to be let go."""

    release: Release
    service: str
    cluster: Cluster
    job: Object

    @property
    def name(self) -> str:
        return self.job["metadata"]["name"]

    @property
    def uid(self) -> str:
        return self.job["metadata"]["uid"]

    @property
    def namespace(self) -> str:
        return self.job["metadata"]["namespace"]


def create(release: Release, service: str, command: list[str], *, timeout: int) -> Run:
    """Its Job, which does not run yet, and its Secrets. Raises NotAllowed, RolloutFailed (a stranger's namespace),
    ClusterUnavailable, Refused."""
    app, installation = release.app, settings.DEPLOYER_INSTALLATION
    cluster = reach.cluster_of(app)
    logins = _logins(release, service)
    _make_namespace(cluster, app)
    _refuse_too_many(cluster, app)
    job = cluster.create(
        manifests.run_job(
            release,
            service,
            command,
            name=_new_name(),
            timeout=timeout,
            installation=installation,
            private=bool(logins),
        )
    )
    run = Run(release, service, cluster, job)
    try:
        for secret in manifests.run_secrets(release, job, logins):
            cluster.create(secret)
        if not App.objects.filter(pk=app.pk, deleting_at=None).exists():
            raise NotAllowed(f"{app.name} is being deleted.")
    except Exception:
        remove(run)
        raise
    return run


def let_go(run: Run) -> None:
    """Raises WrongState when somebody has removed it; ClusterUnavailable, Refused."""
    job = run.job
    for _ in range(TRIES):
        try:
            run.cluster.apply(manifests.resumed(job), manager=MANAGER, force=True)
            return
        except Conflict:  # its controller has noted that it is suspended
            live = run.cluster.find("Job", run.namespace, run.name)
        if live is None or live["metadata"]["uid"] != run.uid:
            break
        job = live
    raise WrongState("Somebody has removed the command's Job.")


def remove(run: Run) -> bool:
    """Its process with it. False: the cluster did not let us, and the next sweep does it."""
    try:
        run.cluster.delete("Job", run.namespace, run.name, uid=run.uid, propagation="Foreground")
    except Conflict:
        return True  # one of its name that is not it
    except ClusterError as error:
        logger.info("the Job %s stays for the next sweep: %s", run.name, error.message)
        return False
    return True


def is_carried(run: Run) -> None:
    """To be said every few seconds by whoever follows it for a client. Never raises."""
    try:
        queues.run_is_carried(run.uid, SILENT_SECONDS)
    except Exception as error:  # Redis may be away: then nothing is swept either
        logger.debug("%s could not be called carried: %s", run.name, error)


# --- Nobody carries them any more -----------------------------------------------------------------------------------


def sweep(row: ClusterRow) -> None:
    """Take away those whose client and web process are gone. Raises ClusterError, and what Redis raises."""
    cluster, own = reach.connection_to(row), Own(settings.DEPLOYER_INSTALLATION)
    for job in own.of_runs(cluster.list_all("Job", labels=f"{manifests.OURS},{manifests.RUN}")[0]):
        metadata = job["metadata"]
        if queues.is_run_carried(metadata["uid"]):
            _silent.pop(metadata["uid"], None)
        # A Redis that has just lost what it knew is told anew in a moment.
        elif time.monotonic() - _silent.setdefault(metadata["uid"], time.monotonic()) >= SILENT_SECONDS:
            del _silent[metadata["uid"]]
            logger.warning("%s in %s has lost who carried it and is stopped", metadata["name"], metadata["namespace"])
            remove(Run(Release(), "", cluster, job))


# --- Before it is made ----------------------------------------------------------------------------------------------


def _logins(release: Release, service: str) -> dict[str, tuple[str, str]]:
    try:
        found = registries.logins_for(release.app, [release.images[service]])
    except RegistryError as error:
        raise NotAllowed(error.message, reasons=[error.message, error.hint]) from error
    return {address: (login.username, login.password) for address, login in found.items()}


def _make_namespace(cluster: Cluster, app: App) -> None:
    wanted = manifests.namespace(app.namespace, app.name, installation=settings.DEPLOYER_INSTALLATION)
    if waiting := applying.ensure_namespace(cluster, wanted):
        raise RolloutFailed(f"Waiting for {waiting}: try again in a moment.")


def _refuse_too_many(cluster: Cluster, app: App) -> None:
    jobs, _ = cluster.list_all("Job", app.namespace, labels=f"{manifests.OURS},{manifests.RUN}")
    if len(jobs) >= AT_ONCE:
        raise NotAllowed(f"{len(jobs)} one-off processes of {app.name} run, and more are not allowed: stop one.")


def _new_name() -> str:
    return "run-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
