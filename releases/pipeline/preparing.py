"""Before anything that runs is changed: plan, refuse strangers, ask the cluster about every object, note what runs."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import RolloutFailed
from releases.models import App, Rollout
from releases.pipeline import applying, autoscalers, baseline, command_job, manifests, pull_secrets, volumes
from releases.pipeline.ground import Ground


def prepare(ground: Ground) -> None:
    """Plan, refuse strangers, ask the cluster about every object, and note what runs now."""
    rollout = ground.rollout
    if rollout.inherits_change:
        ground.check()
    before = "Updating" if rollout.inherits_change else resting(rollout)
    ground.say_all([ground.status_line(before, "Pending")])
    if rollout.started_at is None:
        ground.remember(started_at=timezone.now())
    private = pull_secrets.is_private(rollout.release)
    objects = manifests.render(rollout.release, installation=settings.DEPLOYER_INSTALLATION, private=private)
    if not (_namespace_is_there(ground) and _earlier_commands_are_gone(ground)):
        return
    ground.writer.refuse_strangers(objects)
    present = _present(ground, objects)
    if refusals := volumes.refusals(objects, present):
        raise RolloutFailed(" ".join(refusals), cause="volume")
    pull_secrets.apply(ground.writer, rollout.app)
    for secret in [obj for obj in objects if obj["kind"] == "Secret"]:
        ground.writer.apply(secret)
    ground.writer.dry_run([obj for obj in objects if obj["kind"] != "Secret"])
    ground.cluster_is_back()
    ground.check()
    for words in volumes.announcements(objects, present):
        ground.say(words, key=words)
    known = baseline.of(rollout, ground.cluster, objects, ground.own)
    now = timezone.now().isoformat()
    waiting = {"generation": 0, "desired": 0, "highest": 0, "ready": 0, "risen_at": now}
    has_command = rollout.kind == Rollout.PROMOTE and rollout.release.manifest["release"] is not None
    if rollout.kind == Rollout.ROLLBACK and rollout.release.manifest["release"]:
        ground.say("A rollback runs no release command, and database migrations are not reverted.", key="no command")
    with transaction.atomic():
        lines = [] if has_command else [ground.status_line("Pending", "Updating")]
        ground.say_all(lines)
        rollout.transition(
            "releasing" if has_command else "rolling",
            objects_applied=objects,
            baseline=known.known,
            templates_before=known.templates,
            progress={**rollout.progress, "services": dict.fromkeys(rollout.release.manifest["services"], waiting)},
        )
    logs.pages_changed(rollout.app_id)


def _namespace_is_there(ground: Ground) -> bool:
    app = ground.rollout.app
    wanted = manifests.namespace(app.namespace, app.name, installation=settings.DEPLOYER_INSTALLATION)
    waiting = applying.ensure_namespace(ground.cluster, wanted)
    if waiting:
        _wait_for(ground, waiting, key="waiting for the namespace")
    return not waiting


def _present(ground: Ground, objects: list[Object]) -> volumes.Present:
    """What the plan of volumes must know."""
    claims, deployments = (
        list(filter(ground.own.is_ours, ground.cluster.list_all(kind, ground.namespace, labels=manifests.OURS)[0]))
        for kind in (volumes.KIND, "Deployment")
    )
    autoscaled = {}
    if any(obj["kind"] == volumes.KIND for obj in objects):
        found = autoscalers.of_services(ground.cluster, ground.namespace)
        autoscaled = {service: autoscaler["metadata"]["name"] for service, autoscaler in found.items()}
    scale = App.objects.values_list("scale", flat=True).get(pk=ground.rollout.app_id)
    return volumes.Present(claims, deployments, autoscaled, scale)


def _earlier_commands_are_gone(ground: Ground) -> bool:
    """That of a rollout which was replaced may still be ending."""
    jobs = command_job.of_earlier_rollouts(ground)
    if jobs:
        _wait_for(ground, f"the end of {', '.join(jobs)}, an earlier release command", key="waiting for a command")
    return not jobs


def _wait_for(ground: Ground, what: str, *, key: str) -> None:
    """A moment. Raises RolloutFailed when that has taken too long."""
    ground.check()
    deadline = timedelta(seconds=ground.rollout.release.manifest["deployment"]["deadline"])
    if timezone.now() - (ground.rollout.started_at or timezone.now()) > deadline:
        raise RolloutFailed(f"Waited {deadline.total_seconds():.0f} s for {what}.")
    ground.say(f"Waiting for {what}.", key=key)
    ground.stop.wait(0.2)


def resting(rollout: Rollout) -> str:
    """What the app's status is when no rollout runs."""
    return "Running" if rollout.previous_id else "Stopped"
