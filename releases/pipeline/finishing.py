"""All is complete: what comes late, what goes, and the end of a rollout that succeeded."""

from django.db import transaction

from releases import logs
from releases.models import App
from releases.models.locks import locked
from releases.pipeline import domains, manifests, process_counts, pruning, pull_secrets, secrets_in_use
from releases.pipeline.ground import Ground


def apply_late(ground: Ground) -> list[str]:
    """Gives those that are not as they were written, in words: a worker that was taken over from may have been about
    to create them. Raises what the pen raises: then the previous release comes back, with what came late in it."""
    late = [obj for obj in ground.objects() if obj["kind"] in manifests.LATE]
    for obj in late:
        ground.check()
        ground.writer.apply(obj)
    domains.bring_back(ground)
    return ground.writer.unstamped(late)


def finish(ground: Ground) -> None:
    """Prune, and succeed. Raises Aborted: an abort that was granted holds until the very end."""
    rollout = ground.rollout
    ground.check()
    for warning in pruning.prune(ground.writer, ground.objects(), kept_secrets=lambda: kept_secrets(ground)):
        ground.say(warning)
    unverified = _scaled_to_nothing(ground)
    reason = f"{rollout.release_id} is active on every process."
    if unverified:
        reason += f" Scaled to 0, so not verified: {', '.join(unverified)}."
    seen = process_counts.counted(ground.view().deployments)
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=rollout.app_id)
        ground.check()  # an abort takes the same lock: one that was granted is not forgotten here
        env = rollout.release.env
        staged = {name: value for name, value in app.staged.items() if env.get(name) != value}
        ground.say_all([logs.Line("system/deployer", reason), ground.status_line("Updating", "Running")])
        rollout.transition("succeeded", reason=reason)
        App.objects.filter(pk=app.pk).update(active_release=rollout.release_id, staged=staged, processes_seen=seen)


def kept_secrets(ground: Ground) -> set[str]:
    """Of the releases that run, or may have to come back."""
    releases = filter(None, (ground.rollout.release_id, ground.rollout.previous_id))
    named = set(map(manifests.secret_name, releases)) | pull_secrets.kept(ground.objects())
    return named | secrets_in_use.read(ground.cluster, ground.namespace)


def _scaled_to_nothing(ground: Ground) -> list[str]:
    """Services that were complete because nothing of them was to run, from the beginning or since."""
    now = {obj["metadata"]["name"]: obj["spec"].get("replicas", 1) for obj in ground.view().deployments}
    services = ground.rollout.progress["services"]
    return [name for name, known in services.items() if not min(known["desired"], now.get(name, 1))]
