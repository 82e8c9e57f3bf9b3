"""Builds that are over since long, with logs, releases and images: what retention looks at."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from releases import logs
from releases.clients.images import DirectoryBuilder
from releases.models import App, Build, Image, Release
from releases.pipeline import pushed_images, retention
from tests import factories
from tests.registries import push_image

OLD = timedelta(days=60)


def old(app: App, *, age: timedelta = OLD, lines: int = 3, **columns: Any) -> Build:
    """A build that is over since long, with a log."""
    build = factories.build(app, **columns)
    logs.append(build, [logs.Line("build", f"line {number}") for number in range(lines)])
    Build.objects.filter(pk=build.pk).update(created_at=timezone.now() - age)
    return Build.objects.get(pk=build.pk)


def released(
    app: App, *, active: bool = False, images: dict[str, str] | None = None, age: timedelta = OLD, **columns: Any
) -> Release:
    """A release of an old build; one that was active once."""
    build = old(app, age=age, images=images or {"web": factories.IMAGE}, **columns)
    release = factories.release(app, build=build)
    Release.objects.filter(pk=release.pk).update(images=build.images)
    if active:
        # As if none had been begun: then no cluster is asked.
        factories.rollout(release, status="succeeded", number=1000 + app.rollouts.count())
        App.objects.filter(pk=app.pk).update(active_release=release, rollouts_made=0)
    return Release.objects.get(pk=release.pk)


def gone(app: App) -> set[str]:
    """A round, and the builds of the app whose logs are gone by now."""
    retention.go()
    return set(app.builds.exclude(log_removed_at=None).values_list("pk", flat=True))


def folder_image(store: Path, tmp_path: Path, text: str, app: str = "hello") -> str:
    (tmp_path / "file").write_text(text)
    return DirectoryBuilder(store).build(tmp_path, app=app, path=".", dockerfile_name="Dockerfile", say=lambda _: None)


def pushed(app: App, address: str, *, text: str = "", login: tuple[str, str] | None = None) -> Build:
    """Of an old release: its image is in that registry."""
    build = released(app, images={"web": "x"}, builder="docker").build
    pushed_images.announce(build, f"{address}/{app.name}", tags=[f"web.{build.pk}"])
    digest = push_image(address, app.name, f"web.{build.pk}", text=text or build.pk, login=login)
    images = {"web": f"{address}/{app.name}@{digest}"}
    pushed_images.note_pushed(build, images)
    Build.objects.filter(pk=build.pk).update(images=images)
    Release.objects.filter(build=build).update(images=images)
    return Build.objects.get(pk=build.pk)


def left(build: Build) -> list[Image]:
    """What is not gone yet of its images, or kept."""
    return list(Image.objects.filter(build=build.pk))
