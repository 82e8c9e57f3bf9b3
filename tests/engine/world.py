"""An app on a real cluster, whose rollouts are carried in this process while somebody meddles."""

import json
import threading
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from releases import actions, policy
from releases.errors import ClusterError
from releases.models import App, LogLine, Release, Rollout
from releases.pipeline import applying, manifests
from releases.pipeline import rollout as procedure
from releases.pipeline.ground import Ground, HandOver
from tests import factories
from tests.clusters import eventually

CARRIED_WITHIN = 60.0  # seconds; then the worker is told to stop, and the test fails
NO_IMAGE = "local/gone@sha256:" + "0" * 64
NAMES = ("apiVersion", "kind")
WRITTEN = ("PersistentVolumeClaim", "Service", "Deployment", *manifests.LATE)


class Worker:
    """Carries one rollout in a thread, as a worker process does."""

    def __init__(self, rollout, mirror, cluster):
        self.rollout, self.mirror, self.cluster = rollout, mirror, cluster
        self.stop, self.fate = threading.Event(), None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            with self.mirror.following(self.rollout.app.namespace) as woken:
                procedure.carry(Ground(self.rollout, self.cluster, self.mirror, self.stop, woken))
        except Exception as error:
            self.fate = error
        finally:
            connections.close_all()

    def end(self, seconds=CARRIED_WITHIN) -> Rollout:
        """The rollout when this worker has let go of it."""
        self.thread.join(seconds)
        if self.thread.is_alive():
            self.stop.set()
            self.thread.join(30)
        return Rollout.objects.get(pk=self.rollout.pk)

    def hand_over(self) -> Rollout:
        """It stops; the rollout is ready for the next one."""
        self.stop.set()
        self.thread.join(30)
        assert isinstance(self.fate, HandOver), self.fate
        assert self.rollout.renew()
        return Rollout.objects.get(pk=self.rollout.pk)


class World:
    def __init__(self, app, cluster, mirror, image, python):
        self.app, self.cluster, self.mirror, self.image, self.python = app, cluster, mirror, image, python
        self.workers = []

    @property
    def namespace(self):
        return self.app.namespace

    @property
    def kubeconfig(self):
        return settings.DEPLOYER_KUBECONFIG

    def stop(self):
        for worker in self.workers:
            worker.stop.set()
        for worker in self.workers:
            worker.thread.join(30)
            assert not worker.thread.is_alive()

    # --- Releases and rollouts --------------------------------------------------------------------------------------

    def release(
        self, *names, file="stays", command="", lost=(), deadline=15, timeout=20, timers=None, **service
    ) -> Release:
        """A service per name, without a port. `command`: a Python program as release command. `lost`: no image."""
        # What ends at once must not count as good before it has ended; it is never waited for so long.
        verify = {"stays": 0, "ends": 8}.get(file, 1)
        own = {"deployment": {"verify": verify}, "termination": {"grace": 1}, **service}
        services = {name: {"command": [self.python, "-I", "-S", f"{file}.py"], **own} for name in names or ["web"]}
        manifest = {"services": services, "deployment": {"deadline": deadline}}
        if timers:
            manifest["timers"] = timers
        if command:
            run = {
                "command": [self.python, "-I", "-S", "-c", command],
                "timeout": timeout,
                "service": next(iter(services)),
            }
            manifest["release"] = run
        return self.release_of(manifest, {name: NO_IMAGE if name in lost else self.image for name in services})

    def release_of(self, manifest, images, **columns) -> Release:
        """As `manifest` says, as data."""
        made = factories.release(self.app, manifest=json.dumps(manifest), **{"env": {"KEY": "value"}, **columns})
        Release.objects.filter(pk=made.pk).update(images=images)
        return Release.objects.get(pk=made.pk)

    def promote(self, release, *, replace=False) -> Rollout:
        rollout = actions.promote(release, by=policy.SYSTEM, replace=replace)
        return Rollout.objects.get(pk=rollout.pk)

    def worker(self, rollout, cluster=None) -> Worker:
        made = Worker(rollout, self.mirror, cluster or self.mirror.cluster)
        self.workers.append(made)
        return made

    def carried(self, release, cluster=None, *, replace=False) -> Rollout:
        """Promoted, and carried to its end."""
        return self.worker(self.promote(release, replace=replace), cluster).end()

    def active(self, *names, **options) -> Release:
        """A release that has succeeded."""
        release = self.release(*names, **options)
        ended = self.carried(release)
        assert ended.status == "succeeded", ended.reason
        return release

    # --- What is there ----------------------------------------------------------------------------------------------

    def log(self, rollout, stream=None):
        lines = LogLine.objects.filter(owner=rollout.owner).order_by("number")
        lines = lines.filter(stream=stream) if stream else lines
        return list(lines.values_list("message", flat=True))

    def get(self, kind, name):
        return self.cluster.get(kind, self.namespace, name)

    def find(self, kind, name):
        return self.cluster.find(kind, self.namespace, name)

    def names(self, kind, labels=manifests.OURS):
        return {item["metadata"]["name"] for item in self.cluster.list_all(kind, self.namespace, labels=labels)[0]}

    def written(self):
        """Kind → the names of what is ours."""
        return {kind: self.names(kind) for kind in WRITTEN}

    def differing(self, release):
        """What of the release's objects an apply would change now."""
        rollout = Rollout.objects.filter(release=release, status="succeeded").latest("number")
        pen = applying.Writer(self.cluster, self.namespace, "local", stamp=(99, 1))
        return [applying.written.words(obj) for obj in rollout.objects_applied if pen.would_change(obj)]

    def running(self):
        """(service, release) of each process that is not ending."""
        pods, _ = self.cluster.list_all("Pod", self.namespace, labels=manifests.OURS)
        staying = [pod["metadata"]["labels"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return sorted((labels.get(manifests.SERVICE, ""), labels[manifests.RELEASE]) for labels in staying)

    def reaches(self, rollout, status, *, applied=False):
        def there():
            row = Rollout.objects.get(pk=rollout.pk)
            return row if row.status == status and (not applied or row.progress.get("applied")) else None

        return eventually(there, 40)

    def active_release(self):
        return App.objects.get(pk=self.app.pk).active_release

    # --- Somebody ---------------------------------------------------------------------------------------------------

    def meddle(self, obj, *, manager="somebody", **body):
        """As `kubectl` of another person would: `body` is applied with force."""
        names = {key: obj["metadata"][key] for key in ("name", "namespace")}
        metadata = {**names, **body.pop("metadata", {})}
        return self.cluster.apply(
            {**{key: obj[key] for key in NAMES}, "metadata": metadata, **body}, manager=manager, force=True
        )

    def set_env(self, service, **variables):
        """As `kubectl set env` does."""
        env = [{"name": name, "value": value} for name, value in variables.items()]
        spec = {"template": {"spec": {"containers": [{"name": manifests.CONTAINER, "env": env}]}}}
        return self.meddle(self.get("Deployment", service), manager="kubectl-set", spec=spec)

    @contextmanager
    def namespace_made(self):
        self.cluster.create(manifests.namespace(self.namespace, self.app.name, installation="local"))
        yield


def refusing(error_for):
    """A class of real clusters on which `error_for(method, kind, name)` may raise before a write gets through."""
    from releases.clients.cluster import Cluster

    class Refusing(Cluster):
        def apply(self, obj, *, manager, force=False, dry_run=False):
            error_for("dry run" if dry_run else "apply", obj["kind"], obj["metadata"]["name"])
            return super().apply(obj, manager=manager, force=force, dry_run=dry_run)

        def create(self, obj):
            error_for("create", obj["kind"], obj["metadata"]["name"])
            return super().create(obj)

        def delete(self, kind, namespace, name, **options):
            error_for("delete", kind, name)
            return super().delete(kind, namespace, name, **options)

    return Refusing


def raises(error: ClusterError):
    raise error
