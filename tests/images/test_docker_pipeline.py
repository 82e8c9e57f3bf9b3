"""A build from its upload to images in a registry, through the pipeline: its log, and the limit of it."""

import io
import tarfile
from threading import Thread

import pytest
from django.db import connections
from django.utils import timezone

from releases import actions, jobs, logs
from releases.models import Build, Registry, Release
from tests import factories
from tests.images.workshop import TOOLS, processes_with, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
TWO_SERVICES = "services: {web: {command: a}, worker: {build: ., command: b}}"


@pytest.fixture
def app(workshop):
    """Of a cluster that pulls its images from the registry."""
    Registry.objects.create(name="ours", address=workshop.registry, is_default=True)
    return factories.app(cluster=factories.cluster("real", kind="kubeconfig"))


@pytest.fixture
def queued(app, workshop, settings, own_home):
    """An upload of this source, whose build waits for a worker."""
    settings.DOCKER_HOST, settings.DEPLOYER_BUILDER, settings.BUILD_NETWORK = workshop.host, "docker", "host"

    def queue(dockerfile, **files):
        upload = io.BytesIO()
        with tarfile.open(fileobj=upload, mode="w:gz") as archive:
            archive.add(workshop.source(dockerfile, **files), ".")
        upload.seek(0)
        return actions.create_build(app, source=upload, by=factories.actor("deployer"))

    return queue


@pytest.fixture
def run(queued, own_home):
    """Builds this source; gives the build as it ended and the messages of its log."""

    def build(*given, **files):
        build = queued(*given, **files)
        jobs.run_build(build.pk, 1)
        build.refresh_from_db()
        assert list((own_home / "building").iterdir()) == [], "a folder was left behind"
        return build, messages(build)

    return build


def messages(build):
    lines = logs.after(build.owner, 0, limit=100_000)
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    return [line.message for line in lines]


def test_an_upload_becomes_a_release_of_images_in_the_registry(run, workshop, app):
    build, said = run("FROM scratch\nCOPY Dockerfile /\n", deployer_dot_yml=TWO_SERVICES)
    assert build.status == "succeeded", build.reason
    digest, config = workshop.manifest(app.name, f"web.{build.pk}")
    reference = f"{workshop.registry}/{app.name}@{digest}"
    assert Release.objects.get(build=build).images == dict.fromkeys(("web", "worker"), reference)
    assert config["config"]["Labels"]["deployer.build"] == build.pk
    assert build.builder == "docker"
    assert build.builder_why.startswith("DEPLOYER_BUILDER asks for the Docker Engine's own builder")
    assert f"Builder: docker: {build.builder_why}" in said and f"Pushed {reference}" in said


def test_without_a_registry_the_build_says_what_to_configure(run):
    Registry.objects.all().delete()
    build, _ = run("FROM scratch\n")
    assert build.status == "failed" and "no registry is configured" in build.reason


def test_a_failing_build_has_its_words_and_a_hint_in_the_log(run):
    build, said = run(TOOLS + "RUN echo on its way; exit 3\n")
    assert build.status == "failed" and "returned a non-zero code: 3" in build.reason
    assert said[-1] == "Hint: its own output is above." and "on its way" in said


def test_what_names_images_alone_needs_no_builder(run, settings, workshop):
    Registry.objects.all().delete()
    by_tag = "services: {web: {image: 'registry.example/db:1'}}"
    settings.DOCKER_HOST = f"unix://{workshop.folder}/none.sock"
    build, said = run("", deployer_dot_yml=by_tag)
    assert build.images == {"web": "registry.example/db:1"} and build.builder == ""
    assert any("by tag, since nobody can be asked" in line for line in said)


def test_a_log_without_end_is_cut_and_its_end_is_kept(run, settings):
    """8 MiB of output; the images are made all the same."""
    settings.BUILD_LOG_MAX_BYTES = 256 * 1024
    build, said = run(TOOLS + "RUN yes 'all work and no play' | head -n 300000; echo the last word\n")
    assert build.status == "succeeded"
    cut = next(number for number, line in enumerate(said) if line.startswith("The log has reached 256.0 KB"))
    assert 1_000 < cut < 4_000 and len(said) < cut + 300
    assert "lines are left out here" in said[cut + 1]
    assert "the last word" in said[cut:] and any(line.startswith("Pushed ") for line in said[cut:])


def test_a_cancel_reaches_the_engine_and_what_was_said_is_kept(queued):
    mark = "23456.78"
    build = queued(TOOLS + f"RUN echo asleep; sleep {mark}\n")

    def cancel():
        wait_for(lambda: processes_with(f"sleep {mark}") and "asleep" in messages(build))
        Build.objects.filter(pk=build.pk).update(cancel_requested_at=timezone.now())
        connections.close_all()

    person = Thread(target=cancel)
    person.start()
    jobs.run_build(build.pk, 1)
    person.join()
    build.refresh_from_db()
    assert build.status == "cancelled" and "asleep" in messages(build)
    wait_for(lambda: not processes_with(f"sleep {mark}"))
