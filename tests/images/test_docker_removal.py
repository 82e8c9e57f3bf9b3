"""What goes from an engine and its registry once nobody needs it: of a build that was ended, and of an app."""

import io
import tarfile
from datetime import timedelta
from threading import Thread

import httpx
import pytest
from django.db import connections
from django.utils import timezone

from releases import actions, jobs, logs
from releases.clients.images.removal import EngineRemoval
from releases.models import Build, Image, Registry
from releases.pipeline import image_removal, pushed_images
from tests import factories
from tests.images.workshop import TOOLS, wait_for
from tests.registries import push_image

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app(workshop, settings, own_home):
    Registry.objects.create(name="ours", address=workshop.registry, is_default=True)
    settings.DOCKER_HOST, settings.DEPLOYER_BUILDER, settings.BUILD_NETWORK = workshop.host, "docker", "host"
    settings.BUILD_PARALLEL = 1
    return factories.app(cluster=factories.cluster("real", kind="kubeconfig"))


@pytest.fixture
def queue(app, workshop):
    """A build of an upload that waits for a worker."""

    def queued(dockerfile: str, **files: str) -> Build:
        upload = io.BytesIO()
        with tarfile.open(fileobj=upload, mode="w:gz") as archive:
            archive.add(workshop.source(dockerfile, **files), ".")
        upload.seek(0)
        return actions.create_build(app, source=upload, by=factories.actor("deployer"))

    return queued


def on_engine(workshop) -> set[str]:
    return {tag for image in workshop.api.images() for tag in image["RepoTags"] or ()}


def in_registry(workshop, app) -> list[str]:
    answer = httpx.get(f"http://{workshop.registry}/v2/{app.name}/tags/list", trust_env=False)
    return sorted(answer.json().get("tags") or [])


def delete(app) -> None:
    actions.delete_app(app, by=factories.actor("administrator"), abandon=True)


def test_what_was_pushed_before_a_cancel_goes_with_the_cache_when_the_app_is_deleted(app, queue, workshop):
    manifest = "services: {web: {command: a}, worker: {build: {path: ., dockerfile: slow}, command: b}}"
    build = queue("FROM scratch\nCOPY Dockerfile /\n", slow=TOOLS + "RUN sleep 3600\n", deployer_dot_yml=manifest)

    def cancel() -> None:
        wait_for(lambda: any("web: Pushed " in line.message for line in logs.after(build.owner, 0, limit=1000)))
        Build.objects.filter(pk=build.pk).update(cancel_requested_at=timezone.now())
        connections.close_all()

    person = Thread(target=cancel)
    person.start()
    jobs.run_build(build.pk, 1)
    person.join()
    build.refresh_from_db()
    web = f"web.{build.pk}"
    assert build.status == "cancelled" and build.images == {} and in_registry(workshop, app) == [web]
    assert f"{workshop.registry}/{app.name}:{web}" in on_engine(workshop)
    assert f"cache.invalid/{app.name}:web.0" in on_engine(workshop)
    delete(app)
    image_removal.go()
    assert in_registry(workshop, app) == [] and not Image.objects.exists()
    assert not [tag for tag in on_engine(workshop) if f"/{app.name}:" in tag]


def test_what_was_pushed_before_the_worker_died_goes_too_when_its_tag_has_moved_on(app, queue, workshop):
    build = queue("FROM scratch\nCOPY Dockerfile /\n")
    web = f"web.{build.pk}"
    pushed_images.announce(build, f"{workshop.registry}/{app.name}", tags=[web])
    before = push_image(workshop.registry, app.name, web, text="and then the worker was killed")
    assert build.renew(restarts=1)
    jobs.run_build(build.pk, build.epoch)
    build.refresh_from_db()
    after = build.images["web"].rpartition("@")[2]
    assert set(Image.objects.values_list("tag", "digest")) == {(web, before), (web, after)}
    delete(app)
    image_removal.go()
    assert not Image.objects.exists()
    for digest in (before, after):
        answer = httpx.head(f"http://{workshop.registry}/v2/{app.name}/manifests/{digest}", trust_env=False)
        assert answer.status_code == 404


def test_an_engine_that_is_away_is_asked_again_for_a_day(app, workshop, settings):
    build = factories.build(app)
    pushed_images.announce(build, f"{workshop.registry}/{app.name}", tags=[f"web.{build.pk}"])
    delete(app)
    settings.DOCKER_HOST = f"unix://{workshop.folder}/none.sock"
    image_removal.go()
    assert "can't be reached" in build.images_note
    image_removal.go(timezone.now() + timedelta(days=1))
    assert not Image.objects.exists()


def test_other_builds_and_apps_keep_what_the_engine_has(workshop):
    source = workshop.source("FROM scratch\nCOPY Dockerfile /\n")
    names = ["removal.example/shop:web.BREMOVED", "removal.example/shop:web.BSTAYING", "cache.invalid/shopping:web.0"]
    for name in names:
        list(workshop.api.build(path=str(source), tag=name, network_mode="none", rm=True))
    engine = EngineRemoval(workshop.engine)
    assert engine.problem == ""
    for _ in range(2):  # what is gone is gone
        engine.remove(names[0])
        engine.remove_cache("shop")
    engine.close()
    assert {*names} & on_engine(workshop) == {*names[1:]}
    for name in names[1:]:
        workshop.api.remove_image(name)
