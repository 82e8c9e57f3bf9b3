"""A world in which each page of the dashboard has something to show: pictures of it are looked at."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from releases import logs
from releases.logs import Line
from releases.models import App, AuditEntry, Build, Delivery, Domain, Person, Registry, Release, Rollout, Source, Token
from releases.policy import Actor
from tests import diagnoses, factories, pages_world

CAUSE = {
    "kind": "exits",
    "service": "worker",
    "process": "worker-5d9c7-x2x8k",
    "what": "is crashing",
    "words": "it exited with 1 after 2 s, once",
    "line": "KeyError: 'QUEUE_URL'",
    "hint": "QUEUE_URL is not among this release's variables.",
    "exits_left": 1,
}


def make() -> dict[str, Any]:
    """Fills the database. Gives what the paths of `every_page` have in braces."""
    world = pages_world.make_world("shop")
    by, app = world.actor(), world.app
    App.objects.filter(pk=app.pk).update(staged={"NEW_VARIABLE": "1", "COLOUR": None}, processes_seen={"web": [2, 2]})
    undone, failed = _undone(world), _failed_build(app, by)
    _spread(world, undone)
    for row in (undone, failed, world.newest.build):
        _write(row)
    _connect(app, by)
    Domain.objects.create(app=app, cluster=app.cluster, host="shop.example.com", service="web", **by.columns())
    Token.issue(world.people["deployer"], name="ci")
    running = _moving(by)
    factories.app("empty", by=by)
    invited = Person.objects.create_person("new-here", role="viewer")
    return {
        "app": "shop",
        "moving": "moving",
        "empty": "empty",
        "build": world.newest.build_id,
        "failed_build": failed.pk,
        "release": world.newest.pk,
        "old": world.old.pk,
        "bad": undone.release_id,
        "undone": undone.number,
        "running": running.number,
        "registry": _registry(by).name,
        "person": world.people["viewer"].pk,
        "link": "/sign-in/" + invited.sign_in_link().split("/sign-in/")[1],
    }


def _undone(world: pages_world.World) -> Rollout:
    bad = world.release(env={"COLOUR": "black"}, description="build 11aa22bb33 Parallel checkout")
    return world.rollout(
        bad,
        "rolled_back",
        previous=world.active,
        squares=[_square(f"web-745f845dc-{tail}", "ready", world.active) for tail in ("rzl2q", "h6w9d")],
        progress={"applied": True, "services": {"web": {"desired": 2}}},
        reason="web-5d9c7-x2x8k exited with 1 after 2 s, twice",
        hint="QUEUE_URL is not among this release's variables.",
        evidence=["Traceback (most recent call last):", "KeyError: 'QUEUE_URL'"],
        note="Black Friday",
        diagnosis=diagnoses.many().as_json(),
    )


def _failed_build(app: App, by: Actor) -> Build:
    return Build.objects.create(
        app=app,
        status="failed",
        commit="9f8e7d6c5b",
        subject="Break it",
        reason="The step RUN pip install failed.",
        hint="Look at the last lines of its log.",
        finished_at=timezone.now(),
        **by.columns(),
    )


def _spread(world: pages_world.World, undone: Rollout) -> None:
    """What happened lies days, hours and minutes back, and each release has a commit of its own."""
    now, by = timezone.now(), world.actor()
    App.objects.filter(pk=world.app.pk).update(created_at=now - timedelta(days=4))
    for commit, subject in (("51f0aa0d13", "Bump the payment client"), ("7c1d22f9ab", "Cache the price list")):
        built = Build.objects.create(app=world.app, status="succeeded", commit=commit, subject=subject, **by.columns())
        _date(built, now - timedelta(minutes=30))
    _date_release(world.old, now - timedelta(days=3), "9f8e7d6c5b", "Show stock on the product page")
    _date_release(world.active, now - timedelta(hours=2), "e3b0c44298", "Pay with two clicks")
    _date_release(undone.release, now - timedelta(hours=1), "11aa22bb33", "Parallel checkout")
    _date_release(world.newest, now - timedelta(minutes=5), "0a1b2c3d4e", "Take the coupon field out of checkout")
    changed = pages_world.manifest(web={"memory": 768}, worker={"count": 2})
    Release.objects.filter(pk=world.newest.pk).update(manifest=changed)


def _date_release(release: Release, at: datetime, commit: str, subject: str) -> None:
    steps = [
        {"name": "Source", "image": "", "at": at.isoformat(), "seconds": 1.6},
        {"name": "Step 1/2 : RUN make", "image": "web", "at": at.isoformat(), "seconds": 72.0},
    ]
    Build.objects.filter(pk=release.build_id).update(
        commit=commit,
        subject=subject,
        steps=steps,
        source_bytes=3_000_000,
        images=release.images,
        finished_at=at + timedelta(seconds=74),
    )
    _date(release.build, at)
    Release.objects.filter(pk=release.pk).update(description=f"build {commit} {subject}")
    _date(release, at + timedelta(seconds=74))
    for rollout in release.rollouts.all():
        begun = at + timedelta(minutes=5)
        _date(rollout, begun)
        Rollout.objects.filter(pk=rollout.pk).update(finished_at=begun + timedelta(seconds=70))
        AuditEntry.objects.filter(subject=release.pk).update(at=begun)


def _date(row: Build | Release | Rollout, at: datetime) -> None:
    type(row).objects.filter(pk=row.pk).update(created_at=at)


def _write(row: Build | Rollout) -> None:
    stream = "build" if isinstance(row, Build) else "system/k8s/web-745f845dc-rzl2q"
    steps = [Line(stream, f"\x1b[32mStep {number}\x1b[0m of <60>") for number in range(60)]
    logs.append(row, [*steps, Line(stream, "ERROR: it broke")])


def _connect(app: App, by: Actor) -> None:
    stopped = {"stopped_at": timezone.now(), "stopped_why": "Rollout 3 was rolled back."}
    url = "https://git.invalid/acme/shop.git"
    Source.objects.create(app=app, url=url, webhook_secret="s" * 40, **by.columns())
    App.objects.filter(pk=app.pk).update(**stopped)
    decisions = [("handled", "built"), ("handled", "skipped: another branch"), ("failed", "there is no such commit")]
    for number, (status, decision) in enumerate(decisions):
        Delivery.objects.create(
            app=app,
            guid=f"guid-{number}",
            event="push",
            body=b"{}",
            status=status,
            decision=decision,
            ref="refs/heads/main",
            commit="0a1b2c3d4e",
            sender="ada",
        )


def _registry(by: Actor) -> Registry:
    return Registry.objects.create(
        name="images",
        address="registry.example.com/acme",
        username="robot",
        password="a password",
        is_default=True,
        checked_at=timezone.now(),
        problem="It does not answer.",
        problem_since=timezone.now(),
        **by.columns(),
    )


def _moving(by: Actor) -> Rollout:
    """An app that is locked while a rollout of it is under way."""
    app = factories.app("moving", by=by)
    first, second = factories.release(app, by=by), factories.release(app, by=by)
    now = timezone.now()
    earlier = factories.rollout(first, by=by, status="succeeded", finished_at=now)
    _date(earlier, now - timedelta(seconds=70))
    App.objects.filter(pk=app.pk).update(
        active_release=first,
        locked_at=now,
        locked_by_label="ada",
        lock_reason="incident 482",
        locked_until=now + timedelta(hours=2),
    )
    squares = [
        _square("web-745f845dc-rzl2q", "ready", second),
        _square("web-745f845dc-aaaaa", "starting", second),
        _square("web-5d9c7-h6w9d", "old", first),
        _square("worker-5d9c7-x2x8k", "broken", second, "worker") | {"note": "exited with 1"},
        _square("worker-5d9c7-b7c2k", "old", first, "worker"),
    ]
    progress = {
        "applied": True,
        "services": {"web": {"desired": 2}, "worker": {"desired": 1}},
        "entered": {"rolling": (now - timedelta(seconds=42)).isoformat()},
        "causes": [CAUSE],
    }
    return factories.rollout(second, by=by, status="rolling", previous=first, squares=squares, progress=progress)


def _square(name: str, state: str, release: Release, service: str = "web") -> dict[str, str]:
    return {"service": service, "name": name, "state": state, "release": release.pk}
