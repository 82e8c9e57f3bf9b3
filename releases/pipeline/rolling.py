"""Write what is to run, follow it until all is complete and verified, then let people and timers in."""

from datetime import datetime

from django.utils import timezone

from releases.clients.cluster import Object
from releases.errors import RolloutFailed
from releases.models import App, Rollout
from releases.pipeline import causes, finishing, following, health, manifests, restore, volumes
from releases.pipeline.ground import Ground
from releases.pipeline.health import Verdict
from releases.pipeline.service_state import ServiceState

LOOK_SECONDS = 1.0
REWRITES = 5


def roll(ground: Ground) -> None:
    """Apply, follow until all is complete or doomed, then what comes late."""
    apply(ground)
    verdict = follow(ground)
    if verdict.status != "complete":
        restore.begin(ground, verdict)
        return
    early = [obj for obj in ground.objects() if obj["kind"] not in manifests.LATE]
    overwritten = ground.writer.unstamped(early) or finishing.apply_late(ground)
    if overwritten:
        # A worker that was taken over from had been about to create it; or somebody has just removed it.
        _write_again(ground, overwritten)
    else:
        finishing.finish(ground)


def _write_again(ground: Ground, overwritten: list[str]) -> None:
    """A few times: somebody else's program may take away what marks it as ours, for ever."""
    words, progress = ", ".join(overwritten), ground.rollout.progress
    times = progress.get("rewritten", 0) + 1
    if times > REWRITES:
        hint = "Find out which program changes what Deployer writes, and have it leave this namespace alone."
        raise RolloutFailed(f"Somebody else keeps changing what was written: {words}.", cause="edited", hint=hint)
    ground.say(f"Not as it was written, so written again: {words}.", key=f"rewritten {times}")
    ground.remember(progress={**progress, "rewritten": times})
    ground.stop.wait(LOOK_SECONDS)


def apply(ground: Ground) -> None:
    rollout = ground.rollout
    progress = dict(rollout.progress)
    services = dict(progress["services"])
    claims: list[str] = []
    for obj in ground.objects():
        if obj["kind"] in manifests.LATE:
            continue
        ground.check()
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, count=_count(rollout, name))
        if obj["kind"] == volumes.KIND:
            claims.append(answer["metadata"]["uid"])
        if obj["kind"] == "Deployment":
            services[name] = following.applied(services[name], answer)
            if not progress.get("applied"):  # the deadline begins with the first write
                services[name]["risen_at"] = timezone.now().isoformat()
    away = ground.cluster_is_back()
    progress = {key: value for key, value in progress.items() if key != "away_since"}
    progress = following.postponed({**progress, "services": services}, away)
    ground.remember(progress={**progress, "claims": claims, "applied": True})


def follow(ground: Ground) -> Verdict:
    """Complete, verified where that was asked for; or failed."""
    rollout = ground.rollout
    first = rollout.previous_id is None
    events = ground.event_log()
    while True:
        ground.check()
        view = ground.view()
        now = timezone.now()
        ground.say_all(events.lines(view, now))
        states = following.service_states(rollout, view, first=first)
        progress = following.progressed(rollout.progress, states, now)
        _show(ground, {**progress, "causes": _causes(ground, states, now)}, following.squares(rollout, view))
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


def _causes(ground: Ground, states: list[ServiceState], now: datetime) -> list[Object]:
    """What goes wrong so far, for pages."""
    found = causes.found(states, now=now, variables=ground.rollout.release.variables())
    return [ground.clean_all(cause.as_json()) for cause in found]


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


def _count(rollout: Rollout, service: str) -> int | None:
    """How many processes a Deployment that isn't there yet begins with."""
    section = rollout.release.manifest["services"].get(service)
    if section and section["scale"]["max"]:
        return section["scale"]["count"]  # where its autoscaler begins
    scale = App.objects.values_list("scale", flat=True).get(pk=rollout.app_id)  # read now: it may just have changed
    return scale.get(service, section["scale"]["count"]) if section else None
