"""Rollouts that must turn round, carried in this process on a real embedded cluster with a real mirror."""

import itertools
import sys
import threading
from contextlib import contextmanager

import pytest

from releases.clients.cluster import Cluster, connect
from releases.clients.images import DirectoryBuilder
from releases.clients.mirror import Mirror
from releases.models import App, LogLine, Rollout
from releases.pipeline import manifests, operate
from releases.pipeline import rollout as procedure
from releases.pipeline.applying import Writer
from releases.pipeline.ground import Ground
from tests import factories
from tests.clusters import eventually, started

pytestmark = pytest.mark.django_db(transaction=True)
CARRIED_WITHIN = 50.0  # seconds; then the worker is told to stop, and the test fails
NO_IMAGE = "local/gone@sha256:" + "0" * 64
SERVICE = "{{command: [{python}, -I, -S, {file}.py], deployment: {{verify: {verify}}}, termination: {{grace: 1}}}}"
_numbers = itertools.count(1)


class Busy(Cluster):
    """A real cluster, where somebody changes each Deployment just before our first delete of it."""

    def __init__(self, kubeconfig):
        super().__init__(kubeconfig)
        self.lost = []

    def delete(self, kind, namespace, name, **options):
        if kind == "Deployment" and name not in self.lost:
            self.lost.append(name)
            stamp(self, namespace, name, note="meanwhile")
        return super().delete(kind, namespace, name, **options)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def image(process, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    (source / "stays.py").write_text("import time\nprint('working', flush=True)\ntime.sleep(3600)\n")
    (source / "ends.py").write_text("print('no queue at QUEUE_URL', flush=True)\nraise SystemExit(3)\n")
    builder = DirectoryBuilder(process.folder / "images")
    return builder.build(source, app="hello", path=".", dockerfile_name="Dockerfile", say=lambda line: None)


@pytest.fixture(scope="module")
def mirror(process):
    made = Mirror(connect(process.kubeconfig), labels=manifests.OURS, prefix="deployer-")
    made.start()
    yield made
    made.retire()


@pytest.fixture
def cluster(process, settings) -> Cluster:
    settings.DEPLOYER_KUBECONFIG = str(process.kubeconfig)
    return connect(process.kubeconfig)


@pytest.fixture
def app(cluster):
    made = factories.app(f"turn-{next(_numbers)}")
    yield made
    operate.remove(made)


@pytest.fixture
def release(app, image):
    """Makes a release with a service per name; a program that ends dooms it, and so does `lost`: no image."""

    def make(*names, file="stays", lost=(), **columns):
        verify = 0 if file == "stays" else 8  # what ends at once must not count as good before it has ended
        service = SERVICE.format(python=sys.executable, file=file, verify=verify)
        services = "".join(f"  {name}: {service}\n" for name in names)
        images = {name: NO_IMAGE if name in lost else image for name in names}
        manifest = f"services:\n{services}deployment: {{deadline: 45}}\n"
        made = factories.release(app, manifest=manifest, env={"KEY": "value"}, **columns)
        return _with_images(made, images)

    return make


def _with_images(release, images):
    """The factory knows one image for all; a release can't be changed but in the database."""
    type(release).objects.filter(pk=release.pk).update(images=images)
    release.refresh_from_db()
    return release


def queued(release) -> Rollout:
    app = App.objects.get(pk=release.app_id)
    return factories.rollout(release, previous=app.active_release)


@contextmanager
def ground(rollout, mirror, cluster=None):
    stop = threading.Event()
    timer = threading.Timer(CARRIED_WITHIN, stop.set)
    timer.start()
    try:
        with mirror.following(rollout.app.namespace) as woken:
            yield Ground(rollout, cluster or mirror.cluster, mirror, stop, woken)
    finally:
        timer.cancel()


def carried(rollout, mirror, cluster=None) -> Rollout:
    with ground(rollout, mirror, cluster) as here:
        procedure.carry(here)
    return Rollout.objects.get(pk=rollout.pk)


def stamp(cluster, namespace, name, kind="Deployment", **annotations):
    """As `kubectl annotate --overwrite` would."""
    api = "apps/v1" if kind == "Deployment" else "v1"
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    body = {"apiVersion": api, "kind": kind, "metadata": metadata}
    return cluster.apply(body, manager="kubectl-annotate", force=True)


def names(cluster, app, kind):
    items, _ = cluster.list_all(kind, app.namespace, labels=manifests.OURS)
    return {item["metadata"]["name"] for item in items}


def running(cluster, app):
    """(service, release) of each process that is not ending."""
    pods, _ = cluster.list_all("Pod", app.namespace, labels=manifests.OURS)
    staying = [pod["metadata"]["labels"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return sorted((labels[manifests.SERVICE], labels[manifests.RELEASE]) for labels in staying)


def log(rollout):
    return list(LogLine.objects.filter(owner=rollout.owner).order_by("number").values_list("message", flat=True))


# --- There and back -------------------------------------------------------------------------------------------------


def test_a_first_release_that_fails_is_taken_down_to_nothing(cluster, app, release, mirror):
    ended = carried(queued(release("web", "worker", lost=["worker"])), mirror)
    assert (ended.status, ended.cause) == ("rolled_back", "pull")
    assert ended.reason.endswith(". Nothing runs: it was the first release.")
    assert names(cluster, app, "Deployment") == set() and running(cluster, app) == []
    assert names(cluster, app, "Secret") == set()
    app.refresh_from_db()
    assert app.active_release is None
    assert log(ended)[-1] == "Status: Rollback => Stopped"


def test_a_failed_release_gives_way_to_the_one_before_on_every_process(cluster, app, release, mirror):
    good = release("web")
    assert carried(queued(good), mirror).status == "succeeded"
    operate.scale(App.objects.get(pk=app.pk), "web", 2)
    eventually(lambda: cluster.get("Deployment", app.namespace, "web")["status"].get("availableReplicas") == 2)
    bad = release("web", "extra", file="ends")
    ended = carried(queued(bad), mirror)
    assert (ended.status, ended.cause) == ("rolled_back", "exits")
    assert "exited with 3" in ended.reason and ended.reason.endswith(f"{good.pk} is back on every process.")
    assert "no queue at QUEUE_URL" in ended.evidence
    assert names(cluster, app, "Deployment") == {"web"}
    assert running(cluster, app) == [("web", good.pk)] * 2
    assert manifests.secret_name(good.pk) in names(cluster, app, "Secret")
    app.refresh_from_db()
    assert app.active_release == good


def test_a_deletion_that_is_lost_once_is_made_up_for(process, cluster, app, release, mirror):
    good = release("web")
    assert carried(queued(good), mirror).status == "succeeded"
    busy = Busy(process.kubeconfig)
    ended = carried(queued(release("web", "extra", lost=["extra"])), mirror, busy)
    assert busy.lost == ["extra"], "nobody came in between"
    assert ended.status == "rolled_back"
    assert names(cluster, app, "Deployment") == {"web"}
    assert running(cluster, app) == [("web", good.pk)]


def test_a_first_release_is_taken_down_although_a_deletion_is_lost(process, cluster, app, release, mirror):
    busy = Busy(process.kubeconfig)
    ended = carried(queued(release("web", lost=["web"])), mirror, busy)
    assert busy.lost == ["web"]
    assert ended.status == "rolled_back"
    assert names(cluster, app, "Deployment") == names(cluster, app, "Secret") == set()


# --- Stamps from elsewhere ------------------------------------------------------------------------------------------


def test_a_stamp_from_elsewhere_ends_a_rollout_in_words(cluster, app, release, mirror):
    good = release("web")
    assert carried(queued(good), mirror).status == "succeeded"
    stamp(cluster, app.namespace, "web", **{manifests.EPOCH: "999.1"})
    ended = carried(queued(release("web")), mirror)
    assert ended.status in ("rolled_back", "failed")
    assert "Deployment web carries the newer stamp 999.1" in ended.reason
    assert "another Deployer of the same name, or this database is an older one" in ended.reason
    assert running(cluster, app) == [("web", good.pk)], "it was changed all the same"


def test_a_stamp_from_elsewhere_that_appears_during_a_restore_ends_it_too(process, cluster, app, release, mirror):
    class Stamped(Cluster):
        """A real cluster, which another Deployer writes to as soon as a process of ours has failed."""

        def log(self, namespace, *args, **options):
            stamp(self, namespace, "web", **{manifests.EPOCH: "999.1"})
            return super().log(namespace, *args, **options)

    assert carried(queued(release("web")), mirror).status == "succeeded"
    ended = carried(queued(release("web", file="ends")), mirror, Stamped(process.kubeconfig))
    assert ended.status == "failed"
    assert "exited with 3" in ended.reason and "newer stamp 999.1" in ended.reason


def test_a_first_release_that_meets_a_stamp_from_elsewhere_ends_and_deletes_nothing(cluster, app, release, mirror):
    first = release("web", lost=["web"])
    cluster.create(manifests.namespace(app.namespace, app.name, installation="local"))
    writer = Writer(cluster, app.namespace, "local", stamp=(999, 1))
    for obj in manifests.render(first, installation="local"):
        if obj["kind"] != "Secret":
            writer.apply(obj, count=0)
    ended = carried(queued(first), mirror)
    assert ended.status in ("rolled_back", "failed")
    assert "carries the newer stamp 999.1" in ended.reason
    assert names(cluster, app, "Deployment") == {"web"}


def test_a_stamped_secret_ends_a_rollout_before_anything_runs(cluster, app, release, mirror):
    made = release("web")
    cluster.create(manifests.namespace(app.namespace, app.name, installation="local"))
    [secret] = [obj for obj in manifests.render(made, installation="local") if obj["kind"] == "Secret"]
    Writer(cluster, app.namespace, "local", stamp=(999, 1)).apply(secret)
    ended = carried(queued(made), mirror)
    assert (ended.status, ended.cause) == ("failed", "stale")
    assert "newer stamp 999.1" in ended.reason and "Nothing that runs was changed." in ended.reason
    assert names(cluster, app, "Deployment") == set()


@pytest.mark.parametrize("strange", ["", "latest", "1.x", "1", "1.2.3"])
def test_a_stamp_that_is_none_is_no_fault_of_deployers_own(cluster, app, release, mirror, strange):
    assert carried(queued(release("web")), mirror).status == "succeeded"
    stamp(cluster, app.namespace, "web", **{manifests.EPOCH: strange})
    ended = carried(queued(release("web")), mirror)
    assert ended.is_finished
    assert ended.cause != "internal", ended.reason


# --- Taken over -----------------------------------------------------------------------------------------------------


def test_a_restore_is_gone_on_with_by_whoever_takes_over(cluster, app, release, mirror):
    good = release("web")
    assert carried(queued(good), mirror).status == "succeeded"
    rollout = queued(release("web", "extra", lost=["extra"]))
    with ground(rollout, mirror) as here:
        while rollout.status != "rolling_back":  # the first worker turns round, and is never heard of again
            {"queued": procedure.prepare, "rolling": procedure.roll}[rollout.status](here)
    later = Rollout.objects.get(pk=rollout.pk)
    assert later.renew()
    ended = carried(later, mirror)
    assert ended.status == "rolled_back" and ended.epoch == 2
    assert names(cluster, app, "Deployment") == {"web"}
    web = cluster.get("Deployment", app.namespace, "web")
    assert web["metadata"]["annotations"][manifests.EPOCH] == f"{ended.number}.2"
