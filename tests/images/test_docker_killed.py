"""A worker that is killed while it pushes: the build runs again, once, and what comes of it is right."""

import io
import multiprocessing
import os
import signal
import tarfile
from datetime import timedelta

import django_rq
import pytest
from django.db import connections
from django.utils import timezone

from releases import actions, jobs, logs
from releases.models import Build, Registry, Release
from releases.worker import BuildWorker
from tests import docker_engine, factories
from tests.images.workshop import TOOLS, Workshop, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
MANIFEST = "services: {web: {build: .}, worker: {build: {path: ., dockerfile: worker}}}"
# Long enough for the registry to be stopped before the second image is there to be pushed.
SECOND = TOOLS + "RUN sleep 4; echo second > /second\n"


def worker():
    """A worker of the real kind, as a process of its own, that ends when there is nothing left to do."""

    def work():
        os.setsid()
        queue = django_rq.get_queue("builds")
        BuildWorker([queue], connection=queue.connection).work(burst=True, logging_level="WARNING")

    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    process.start()
    return process


def messages(build):
    return [line.message for line in logs.after(build.owner, 0)]


@pytest.fixture
def registry_of_ours(registry):
    """One that may be stopped."""
    with docker_engine.Registry() as server:
        yield server
        server.process.send_signal(signal.SIGCONT)


def test_a_worker_that_is_killed_while_it_pushes(
    docker_host, registry_of_ours, busybox, tmp_path, redis, settings, own_home
):
    settings.DOCKER_HOST, settings.DEPLOYER_BUILDER, settings.BUILD_NETWORK = docker_host, "docker", "host"
    settings.BUILD_PARALLEL = 1
    workshop = Workshop(docker_host, registry_of_ours.address, tmp_path)
    Registry.objects.create(name="ours", address=workshop.registry, is_default=True)
    app = factories.app(cluster=factories.cluster("real", kind="kubeconfig"))
    upload = io.BytesIO()
    with tarfile.open(fileobj=upload, mode="w:gz") as archive:
        archive.add(workshop.source("FROM scratch\nCOPY Dockerfile /\n", deployer_dot_yml=MANIFEST, worker=SECOND), ".")
    upload.seek(0)
    build = actions.create_build(app, source=upload, by=factories.actor("deployer"))

    first = worker()
    try:
        wait_for(lambda: any(line.startswith("web: Pushed") for line in messages(build)))
        registry_of_ours.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: any(line.startswith("worker: Pushing") for line in messages(build)))
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.join()
    registry_of_ours.process.send_signal(signal.SIGCONT)
    assert workshop.tags(app.name) == [f"web.{build.pk}"], "it was killed too late"
    said = len(messages(build))

    Build.objects.filter(pk=build.pk).update(heartbeat=timezone.now() - timedelta(hours=1))
    jobs.reap()
    jobs.reap()  # once, however often somebody looks
    assert django_rq.get_queue("builds").get_job_ids() == [f"build-{build.pk}-2"]
    jobs.run_build(build.pk, 1)  # and who comes late does nothing
    second = worker()
    second.join(60)
    build.refresh_from_db()

    assert (build.status, build.restarts, build.epoch) == ("succeeded", 1, 2), build.reason
    assert messages(build)[said] == "The worker died; the build begins again."
    assert sum(line == "The worker died; the build begins again." for line in messages(build)) == 1
    release = Release.objects.get(build=build)
    for service in ("web", "worker"):
        digest, config = workshop.manifest(app.name, f"{service}.{build.pk}")
        assert release.images[service] == f"{workshop.registry}/{app.name}@{digest}"
        assert config["config"]["Labels"]["deployer.build"] == build.pk
    assert release.images["web"] != release.images["worker"]
    assert list((own_home / "building").iterdir()) == [], "the folder of the killed one was left behind"
