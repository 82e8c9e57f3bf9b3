"""A rollout from queued to its end, as prose. Each step can be begun again by another worker at any point."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import ClusterError, ClusterUnavailable, IllegalTransition, RolloutFailed, Stale
from releases.models import App, Rollout
from releases.pipeline import applying, following, health, manifests, release_command, restore
from releases.pipeline.ground import Aborted, Ground, HandOver
from releases.pipeline.health import Verdict

logger = logging.getLogger(__name__)
LATE_KINDS = ("Ingress",)  # what sends people to the new processes comes when those are there
LOOK_SECONDS = 1.0


def carry(ground: Ground) -> None:
    """Until the rollout is over. Raises HandOver when this worker must stop, Stale when another has taken over."""
    steps = {"queued": prepare, "releasing": release_command.run, "rolling": roll, "rolling_back": restore.run}
    rollout = ground.rollout
    while not rollout.is_finished:
        try:
            try:
                steps[rollout.status](ground)
            except ClusterUnavailable as error:
                ground.check(abortable=False)
                ground.cluster_is_away(error)
        except (HandOver, IllegalTransition):
            raise
        except Stale as error:
            rollout.beat()  # raises Stale itself if the pen is lost: else it is the cluster that knows a newer stamp
            words = f"{error.message} It is from another Deployer of the same name, or this database is an older one."
            _give_up(ground, Verdict("failed", "stale", words))
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s waits for the database: %s", rollout, error)
            connections.close_all()  # a connection that was cut stays so
            ground.stop.wait(1)
        except Aborted:
            _give_up(ground, Verdict("failed", "aborted", f"Aborted by {rollout.abort_by}."))
        except RolloutFailed as error:
            _give_up(ground, Verdict("failed", error.cause, error.message, error.hint), error.evidence)
        except ClusterError as error:
            if rollout.status == "rolling_back":
                restore.try_again(ground, error.message)
            else:
                _give_up(ground, Verdict("failed", "refused", error.message))
        except Exception as error:
            logger.exception("%s failed by our own fault", rollout)
            words = f"Deployer itself failed ({type(error).__name__}); its log says more."
            _give_up(ground, Verdict("failed", "internal", words))
    logs.pages_changed(rollout.app_id)


# --- Before anything changes ----------------------------------------------------------------------------------------


def prepare(ground: Ground) -> None:
    """Plan, refuse strangers, ask the cluster about every object, and note what runs now."""
    rollout = ground.rollout
    ground.say_all([ground.status_line(_resting(rollout), "Pending")])
    if rollout.started_at is None:
        ground.remember(started_at=timezone.now())
    objects = manifests.render(rollout.release, installation=settings.DEPLOYER_INSTALLATION)
    if not _namespace_is_there(ground):
        return
    ground.cluster_is_back()
    ground.writer.refuse_strangers(objects)
    secrets = [obj for obj in objects if obj["kind"] == "Secret"]
    for secret in secrets:
        ground.writer.apply(secret)
    ground.writer.dry_run([obj for obj in objects if obj["kind"] != "Secret"])
    ground.check()
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
            baseline=_inherited_baseline(rollout) or _baseline(ground, objects),
            progress={"services": dict.fromkeys(rollout.release.manifest["services"], waiting)},
        )
    logs.pages_changed(rollout.app_id)


def _namespace_is_there(ground: Ground) -> bool:
    app = ground.rollout.app
    wanted = manifests.namespace(app.namespace, app.name, installation=settings.DEPLOYER_INSTALLATION)
    waiting = applying.ensure_namespace(ground.cluster, wanted)
    if not waiting:
        return True
    ground.check()
    deadline = timedelta(seconds=ground.rollout.release.manifest["deployment"]["deadline"])
    if timezone.now() - ground.rollout.created_at > deadline:
        raise RolloutFailed(f"Waited {deadline.total_seconds():.0f} s for {waiting}.")
    ground.say(f"Waiting for {waiting}.", key="waiting for the namespace")
    ground.stop.wait(0.5)
    return False


def _inherited_baseline(rollout: Rollout) -> Object | None:
    """After a restore that failed, what runs is nobody's intention: the state before that counts."""
    before = Rollout.objects.filter(app=rollout.app, number__lt=rollout.number).order_by("-number").first()
    turned_round = before is not None and before.status == "failed" and "restore_since" in before.progress
    return before.baseline if before and turned_round else None


def _baseline(ground: Ground, objects: list[Object]) -> Object:
    """Read directly: the mirror may lag behind what we are about to change."""
    deployments, _ = ground.cluster.list_all("Deployment", ground.namespace, labels=manifests.OURS)
    pods, _ = ground.cluster.list_all("Pod", ground.namespace, labels=manifests.OURS)
    events, _ = ground.cluster.list_all("Event", ground.namespace)
    by_name = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    names = set(by_name) | {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"}
    of_service = {
        name: (by_name.get(name), [pod for pod in pods if pod["metadata"]["labels"].get(manifests.SERVICE) == name])
        for name in names
    }
    return following.baseline(of_service, events)


# --- Rolling --------------------------------------------------------------------------------------------------------


def roll(ground: Ground) -> None:
    """Apply, then follow until all is complete or doomed."""
    apply(ground)
    verdict = follow(ground)
    if verdict.status == "complete":
        finish(ground)
    else:
        restore.begin(ground, verdict)


def apply(ground: Ground) -> None:
    rollout = ground.rollout
    progress = dict(rollout.progress)
    services = dict(progress["services"])
    for obj in ground.objects():
        if obj["kind"] in LATE_KINDS:
            continue
        ground.check()
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, count=_count(rollout, name))
        if obj["kind"] == "Deployment":
            generation, desired = answer["metadata"]["generation"], answer["spec"].get("replicas", 1)
            services[name] = {**services[name], "generation": generation, "desired": desired}
    away = ground.cluster_is_back()
    for name, known in services.items():
        # The deadline stands still while the cluster is away; and it begins with the first write.
        risen_at = known["risen_at"] if progress.get("applied") else timezone.now().isoformat()
        services[name] = {**known, "risen_at": following.later(risen_at, away)}
    ground.remember(progress={**progress, "services": services, "applied": True})


def follow(ground: Ground) -> Verdict:
    """Complete, verified where that was asked for; or failed."""
    rollout = ground.rollout
    first = rollout.previous_id is None
    events = following.EventLog((rollout.baseline or {}).get("events", {}))
    while True:
        ground.check()
        view = ground.mirror.view(ground.namespace)
        now = timezone.now()
        ground.say_all(events.lines(view, now))
        states = following.service_states(rollout, view, first=first)
        progress = following.progressed(rollout.progress, states, now)
        _show(ground, progress, following.squares(rollout, view))
        states = following.service_states(rollout, view, first=first)
        verdict = health.assess(states, now=now, verifying="verify_until" in progress)
        if verdict.status == "complete":
            verdict = _verified(ground, now) or verdict
        if verdict.status != "progressing":
            view.events, _ = ground.cluster.list_all("Event", ground.namespace)
            ground.say_all(events.lines(view, now))
            return verdict
        ground.wait(LOOK_SECONDS)


def _show(ground: Ground, progress: Object, squares: list[Object]) -> None:
    if progress != ground.rollout.progress or squares != ground.rollout.squares:
        ground.remember(progress=progress, squares=squares)


def _verified(ground: Ground, now: datetime) -> Verdict | None:
    """None once a service with a liveness check has been watched long enough after completion."""
    rollout = ground.rollout
    checks = [service["liveness"] for service in rollout.release.manifest["services"].values() if service["liveness"]]
    if not checks:
        return None
    if "verify_until" not in rollout.progress:
        seconds = max(check["grace"] + check["interval"] * (check["failures"] + 1) for check in checks)
        until = following.later(now.isoformat(), seconds)
        ground.remember(progress={**rollout.progress, "verify_until": until})
        ground.say(f"All processes are available; watching their liveness checks for {seconds} s.", key="verifying")
    return None if now.isoformat() >= rollout.progress["verify_until"] else health.PROGRESSING


def finish(ground: Ground) -> None:
    rollout = ground.rollout
    for obj in ground.objects():
        if obj["kind"] in LATE_KINDS:
            ground.writer.apply(obj)
    for warning in applying.prune(ground.writer, ground.objects(), kept_secrets=kept_secrets(ground)):
        ground.say(warning)
    unverified = [name for name, known in rollout.progress["services"].items() if not known["desired"]]
    reason = f"{rollout.release_id} is active on every process."
    if unverified:
        reason += f" Scaled to 0, so not verified: {', '.join(unverified)}."
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=rollout.app_id)
        env = rollout.release.env
        staged = {name: value for name, value in app.staged.items() if env.get(name) != value}
        ground.say_all([logs.Line("system/deployer", reason), ground.status_line("Updating", "Running")])
        rollout.transition("succeeded", reason=reason)
        App.objects.filter(pk=app.pk).update(active_release=rollout.release_id, staged=staged)


def kept_secrets(ground: Ground) -> set[str]:
    """Of the releases that run, or may have to come back."""
    view = ground.mirror.view(ground.namespace)
    running = view.pods + view.jobs + [obj for obj in view.replica_sets if obj["spec"].get("replicas")]
    named = {obj["metadata"].get("labels", {}).get(manifests.RELEASE) for obj in running}
    named |= {ground.rollout.release_id, ground.rollout.previous_id}
    return {manifests.secret_name(release) for release in named if release}


# --- When it can't go on --------------------------------------------------------------------------------------------


def _give_up(ground: Ground, verdict: Verdict, evidence: list[str] | None = None) -> None:
    """Nothing changed yet: that is the end. Else the previous release comes back."""
    rollout = ground.rollout
    if rollout.status == "rolling":
        restore.begin(ground, verdict)
    elif rollout.status == "rolling_back":
        restore.fail(ground, verdict.reason)
    else:
        _end_unchanged(ground, verdict, evidence or [])


def _end_unchanged(ground: Ground, verdict: Verdict, evidence: list[str]) -> None:
    rollout = ground.rollout
    cancelled = verdict.cause == "aborted"
    partly = " The release command may have run in part." if cancelled and rollout.status == "releasing" else ""
    reason = f"{verdict.reason} Nothing that runs was changed.{partly}"
    _remove_secret(ground)
    with transaction.atomic():
        lines = [logs.Line("system/deployer", reason), ground.status_line("Pending", _resting(rollout))]
        ground.say_all(lines)
        rollout.transition(
            "cancelled" if cancelled else "failed",
            reason=ground.clean(reason),
            cause=verdict.cause,
            hint=verdict.hint,
            evidence=[ground.clean(text) for text in evidence],
        )
    release_command.remove(ground)


def _remove_secret(ground: Ground) -> None:
    """The new release's, which nothing uses yet. If that fails, the next prune does it."""
    rollout = ground.rollout
    earlier = Rollout.objects.filter(app=rollout.app, release=rollout.release, objects_applied__isnull=False)
    if earlier.exclude(pk=rollout.pk).exists():
        return
    try:
        secret = ground.cluster.find("Secret", ground.namespace, manifests.secret_name(rollout.release_id))
        if secret:
            ground.writer.delete({**secret, "kind": "Secret"})
    except ClusterError as error:
        logger.info("the Secret of %s stays for the next prune: %s", rollout.release_id, error.message)


def _count(rollout: Rollout, service: str) -> int | None:
    """How many processes a Deployment that isn't there yet begins with."""
    section = rollout.release.manifest["services"].get(service)
    scale = App.objects.values_list("scale", flat=True).get(pk=rollout.app_id)  # read now: it may just have changed
    return scale.get(service, section["scale"]["count"]) if section else None


def _resting(rollout: Rollout) -> str:
    """What the app's status is when no rollout runs."""
    return "Running" if rollout.previous_id else "Stopped"
