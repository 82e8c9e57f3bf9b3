"""Change what runs without a release: scale, restart, stop a process, remove."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from django.conf import settings

from releases.clients.cluster import Cluster, Object
from releases.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from releases.models import App
from releases.pipeline import autoscalers, manifests, processes, written
from releases.pipeline.applying import SCALE_MANAGER
from releases.pipeline.ownership import Own, controller, is_of_run
from releases.pipeline.reach import cluster_of

TRIES = 20
# Of its own, as for the scale: neither a promote nor a restore, which write as another, takes the restart back.
RESTART_MANAGER = "deployer-restart"


def scalable(app: App, service: str, count: int) -> Object | None:
    """Its Deployment, which may be scaled so; None before the first rollout, which uses the recorded count.

    Raises ClusterUnavailable, Refused; NotAllowed: it is not ours, an autoscaler would undo it, or it has a volume.
    """
    cluster = cluster_of(app)
    live = cluster.find("Deployment", app.namespace, service)
    if live is not None:
        _refuse(app, service, count, live, autoscalers.of_services(cluster, app.namespace).get(service))
    return live


def scale(app: App, service: str, count: int) -> None:
    """Raises as `scalable` does, and WrongState where it does not keep still."""
    cluster = cluster_of(app)
    for _ in range(TRIES):
        live = scalable(app, service, count)
        if live is None:
            return
        wanted = manifests.replicas(service, app.namespace, count)
        # Exactly the one that was read: a rollout may give it a volume in this moment.
        wanted["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        with suppress(Conflict):
            cluster.apply(wanted, manager=SCALE_MANAGER, force=True)
            return
    raise WrongState(f"Deployment {service} keeps changing: try again.")


def _refuse(app: App, service: str, count: int, live: Object, autoscaler: Object | None) -> None:
    own = Own(settings.DEPLOYER_INSTALLATION)
    if not own.is_ours(live):
        raise NotAllowed(f"Deployment {service} in {app.namespace} was not made by this Deployer.")
    if written.allowed(live, count) < count:
        raise NotAllowed(f"{service} has a volume, so at most one process of it may run.")
    if autoscaler is None or not written.count(live):  # none moves a Deployment that is scaled to 0
        return
    if own.is_ours(autoscaler):
        spec = autoscaler["spec"]
        raise NotAllowed(
            f"The manifest gives {service} a range of {spec.get('minReplicas', 1)} to {spec['maxReplicas']} processes, "
            "and its autoscaler decides how many run: change scale.count there."
        )
    name = autoscaler["metadata"]["name"]
    raise NotAllowed(f"The autoscaler {name} decides how many processes of {service} run: change that one.")


def restartable(app: App, services: Sequence[str]) -> dict[str, Object]:
    """What runs of `services`, or all of it: service → Deployment. Raises Invalid, WrongState, ClusterUnavailable."""
    cluster, own = cluster_of(app), Own(settings.DEPLOYER_INSTALLATION)
    found, _ = cluster.list_all("Deployment", app.namespace, labels=manifests.OURS)
    running = {deployment["metadata"]["name"]: deployment for deployment in own.deployments(found)}
    for service in services:
        if service not in running:
            known = f"it runs {', '.join(sorted(running))}" if running else "nothing of it runs"
            raise Invalid(f"{app.name} runs no service {service[:60]}: {known}.")
    if not running:
        raise WrongState(f"Nothing of {app.name} runs: promote a release.")
    return {service: running[service] for service in sorted(set(services) or running)}


def restart(app: App, running: dict[str, Object], moment: str, *, still_allowed: Callable[[], None]) -> None:
    """Have the processes of `running` replaced by new ones of the same release, as a rollout would do it.

    `running` as `restartable` gave it. `moment` names this restart. `still_allowed` raises when a rollout has begun: it
    is asked between reading and writing, so that the write fails if that rollout was there first. Raises WrongState,
    ClusterUnavailable, Refused.
    """
    cluster = cluster_of(app)
    for live in running.values():
        _restart(cluster, live, moment, still_allowed)


def _restart(cluster: Cluster, live: Object, moment: str, still_allowed: Callable[[], None]) -> None:
    service, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
    for _ in range(TRIES):
        still_allowed()
        with suppress(Conflict):
            cluster.apply(manifests.restarted(live, moment), manager=RESTART_MANAGER, force=True)
            return
        now = cluster.find("Deployment", namespace, service)
        if now is None or not Own(settings.DEPLOYER_INSTALLATION).is_ours(now):
            raise WrongState(f"Deployment {service} was removed by somebody meanwhile.")
        live = now
    raise WrongState(f"Deployment {service} keeps changing: try again.")


class Stoppable(NamedTuple):
    """A process as it was found: the service whose image it runs, and what is deleted to end it (None: it is going)."""

    service: str
    kind: str
    owner: Object | None


def stoppable(app: App, name: str) -> Stoppable:
    """The process of this name. Raises NotFound, ClusterUnavailable."""
    cluster, own = cluster_of(app), Own(settings.DEPLOYER_INSTALLATION)
    pods, _ = cluster.list_all("Pod", app.namespace, labels=manifests.OURS)
    pod = next((pod for pod in pods if processes.name(pod) == name), None)
    service = (processes.service(pod) or processes.run_of(pod)) if pod else ""
    if pod is None or not service:
        raise NotFound(f"{app.name} has no process {name[:100]}.")
    if not is_of_run(pod):
        return Stoppable(service, "Pod", pod)
    jobs = own.of_runs(cluster.list_all("Job", app.namespace, labels=manifests.RUN)[0])
    job = next((job for job in jobs if job["metadata"]["uid"] == controller(pod, "Job")), None)
    return Stoppable(service, "Job", job)


def stop_process(app: App, process: Stoppable) -> None:
    """End exactly that one, as `stoppable` gave it; of a service, another one takes its place. That it is gone already
    is as well. Raises ClusterUnavailable, Refused."""
    if process.owner is None:
        return
    metadata = process.owner["metadata"]
    how = {"propagation": "Foreground"} if process.kind == "Job" else {}
    with suppress(Conflict):
        cluster_of(app).delete(process.kind, metadata["namespace"], metadata["name"], uid=metadata["uid"], **how)


def remove(app: App) -> None:
    """Everything of the app in the cluster, with its namespace; its volumes, too.

    Raises ClusterUnavailable, NotAllowed (not ours).
    """
    cluster = cluster_of(app)
    namespace = cluster.find("Namespace", None, app.namespace)
    if namespace is None:
        return
    annotations = namespace["metadata"].get("annotations") or {}
    if annotations.get(manifests.INSTALLATION) != settings.DEPLOYER_INSTALLATION:
        raise NotAllowed(f"Namespace {app.namespace} was not made by this Deployer: remove it by hand.")
    cluster.delete("Namespace", None, app.namespace, uid=namespace["metadata"]["uid"])
