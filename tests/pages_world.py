"""What the tests of the pages start from: people of each role, and an app with a history."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from releases import policy
from releases.models import App, AuditEntry, Build, Person, Release, Rollout
from tests import factories


def manifest(**services):
    """As the pipeline stores it: every default written out."""
    return {
        "services": {name: service(**given) for name, given in (services or {"web": {}}).items()},
        "release": None,
        "deployment": {"strategy": "rolling", "deadline": 600},
        "environment": {},
    }


def service(count=1, memory=512, environment=None, domain=()):
    return {
        "command": ["python", "app.py"],
        "port": 8080,
        "scale": {"count": count, "cpu": 250, "memory": memory},
        "environment": environment or {},
        "deployment": {"minimum": 100, "maximum": 125, "verify": None},
        "domain": list(domain),
    }


@dataclass
class World:
    """An app `hello` whose release `old` was followed by `active`, with `newest` waiting."""

    people: dict
    app: App
    old: Release
    active: Release
    newest: Release

    def actor(self, role="deployer"):
        return policy.actor_for(self.people[role])

    def release(self, **given):
        return make_release(self.app, by=self.actor(), **given)

    def rollout(self, release, status="rolling", **given):
        return make_rollout(self.app, release, status, by=self.actor(), **given)


def make_world(name="hello"):
    people = {
        role: Person.objects.create_person(f"a-{role}", role=role) for role in ("viewer", "deployer", "administrator")
    }
    by = policy.actor_for(people["deployer"])
    app = App.objects.create(name=name, cluster=factories.cluster(), **by.columns())
    old = make_release(app, by=by, env={"COLOUR": "blue", "SECRET_KEY": "very-secret-value"})
    active = make_release(app, by=by, env={"COLOUR": "green", "SECRET_KEY": "very-secret-value"})
    newest = make_release(app, by=by, env={"COLOUR": "red", "SECRET_KEY": "very-secret-value", "ADDED": "1"})
    for release in (old, active):
        make_rollout(app, release, "succeeded", by=by)
    App.objects.filter(pk=app.pk).update(active_release=active)
    app.refresh_from_db()
    return World(people, app, old, active, newest)


def make_release(app, *, by, env=None, description="", **services):
    build = Build.objects.create(
        app=app, status="succeeded", commit="0a1b2c3d4e5f", subject="Say hello", **by.columns()
    )
    return Release.objects.create(
        app=app,
        build=build,
        manifest=manifest(**services),
        images={"web": "web@sha256:1"},
        env=env or {},
        description=description or build.title,
        **by.columns(),
    )


def make_rollout(app, release, status, *, by, **given):
    number = app.rollouts.count() + 1
    App.objects.filter(pk=app.pk).update(rollouts_made=number)
    rollout = Rollout.objects.create(
        app=app, number=number, release=release, status=status, **{**by.columns(), **given}
    )
    if rollout.is_finished:
        ended = timezone.now() + timedelta(seconds=70)
        Rollout.objects.filter(pk=rollout.pk).update(finished_at=ended)
        rollout.finished_at = ended
    AuditEntry.objects.create(
        action="promote", app_name=app.name, subject=release.pk, detail={"rollout": number}, **by.columns()
    )
    return rollout
