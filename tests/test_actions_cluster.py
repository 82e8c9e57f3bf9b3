"""Actions that reach into a cluster: scale and delete, on a real embedded one."""

import pytest

from deployer.home import write_private
from releases import actions, logs
from releases.clients.cluster import Cluster as Client
from releases.clients.cluster import connect
from releases.errors import ClusterUnavailable, NotAllowed, NotFound, WrongState
from releases.models import App, AuditEntry, Build, LogLine, Release, Rollout
from releases.pipeline import manifests
from releases.pipeline.applying import Writer
from releases.pipeline.build import upload_of
from tests import factories
from tests.clusters import eventually
from tests.faults.exchange import Cut
from tests.faults.proxy import Proxy
from tests.faults.troubles import Trouble
from tests.localcluster.conftest import Cluster
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), free_port(), free_port())
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(running, settings) -> Client:
    settings.DEPLOYER_KUBECONFIG = str(running.kubeconfig)
    return connect(running.kubeconfig)


def applied(app, cluster, installation="local", count=0):
    """An active release of `app` whose objects are in the cluster."""
    release = factories.active(app)
    cluster.create(manifests.namespace(app.namespace, app.name, installation=installation))
    writer = Writer(cluster, app.namespace, installation, stamp=(1, 1))
    for obj in manifests.render(release, installation=installation):
        writer.apply(obj, count=count)
    return release


def replicas(cluster, app):
    return cluster.get("Deployment", app.namespace, "web")["spec"]["replicas"]


def test_scale_is_there_at_once_and_remembered_and_owned_by_its_own_manager(cluster):
    app, by = factories.app(), factories.actor("deployer")
    applied(app, cluster)
    actions.scale(app, "web", 0, by=by)
    actions.scale(app, "web", 2, by=by)
    app.refresh_from_db()
    assert (replicas(cluster, app), app.scale) == (2, {"web": 2})
    entry = AuditEntry.objects.filter(action="scale").latest("id")
    assert (entry.subject, entry.detail) == ("web", {"count": 2})
    # A release applied again leaves it alone.
    writer = Writer(cluster, app.namespace, "local", stamp=(2, 1))
    for obj in manifests.render(app.active_release, installation="local"):
        writer.apply(obj, count=1)
    assert replicas(cluster, app) == 2


class LostAnswers(Trouble):
    """What is written is done, and nobody hears of it."""

    def answer(self, request, answer):
        if request.is_write:
            self.struck += 1
            raise Cut
        return answer


@pytest.fixture
def proxy(running, cluster, settings, tmp_path):
    made = Proxy(running.kubeconfig, running.folder / "home" / "credentials")
    made.start()
    write_private(tmp_path / "kubeconfig", made.kubeconfig())
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "kubeconfig")
    yield made
    made.stop()


def test_who_dies_right_after_a_deed_in_the_cluster_is_named_for_it(cluster, proxy):
    app, by = factories.app(), factories.actor("deployer")
    applied(app, cluster, count=1)
    [pod] = eventually(lambda: actions.processes(app, by=by), 20)
    deeds = {
        "scale": lambda: actions.scale(app, "web", 2, by=by),
        "restart": lambda: actions.restart(app, by=by),
        "stop_process": lambda: actions.stop_process(app, pod.name, by=by),
    }
    for action, deed in deeds.items():
        lost = LostAnswers()
        with proxy.suffers(lost), pytest.raises(ClusterUnavailable):
            deed()
        assert lost.struck
        assert AuditEntry.objects.get(action=action, app_name=app.name).by_label == by.label
    assert replicas(cluster, app) == 2


def test_what_is_refused_before_anything_is_done_is_not_written_down(cluster):
    app, by = factories.app(), factories.actor("deployer")
    applied(app, cluster, installation="another")
    with pytest.raises(NotAllowed, match="was not made by this Deployer"):
        actions.scale(app, "web", 2, by=by)
    with pytest.raises(WrongState, match=f"Nothing of {app.name} runs"):
        actions.restart(app, by=by)
    with pytest.raises(NotFound):
        actions.stop_process(app, "web-1", by=by)
    assert not AuditEntry.objects.exists()


def test_before_the_first_rollout_scale_is_only_remembered(cluster):
    app = factories.app()
    factories.release(app)
    actions.scale(app, "web", 4, by=factories.actor("deployer"))
    app.refresh_from_db()
    assert app.scale == {"web": 4}


def test_deleting_takes_everything_along_but_the_audit(cluster, own_home):
    app, by = factories.app(), factories.actor("administrator")
    release = applied(app, cluster)
    copy = factories.release(app, rolled_back_to=release, build=release.build)
    rollout = factories.rollout(copy, status="failed", previous=release)
    logs.append(rollout, [logs.Line("system/deployer", "hello")])
    build = actions.create_build(app, source=factories.tar_gz({"a": ""}), by=by)
    logs.append(build, [logs.Line("build", "hello")])
    stranger = factories.active(factories.app())
    actions.delete_app(app, by=by)
    assert not App.objects.filter(pk=app.pk).exists()
    assert [row.pk for row in Release.objects.all()] == [stranger.pk]
    assert Build.objects.count() == Rollout.objects.count() == 1 and not LogLine.objects.exists()
    namespace = cluster.find("Namespace", None, app.namespace)
    assert namespace is None or "deletionTimestamp" in namespace["metadata"]
    assert AuditEntry.objects.filter(action="delete_app", app_name=app.name).exists()
    assert not upload_of(build).exists(), "the upload of a build that never ran lies there for ever"


def test_the_namespace_of_another_deployer_is_not_deleted(cluster):
    app, by = factories.app(), factories.actor("administrator")
    applied(app, cluster, installation="another")
    with pytest.raises(NotAllowed, match="was not made by this Deployer"):
        actions.delete_app(app, by=by)
    assert App.objects.filter(pk=app.pk).exists()
    assert "deletionTimestamp" not in cluster.get("Namespace", None, app.namespace)["metadata"]


def test_processes_of_an_app_that_never_ran_are_none(cluster):
    assert actions.processes(factories.app(), by=factories.actor("viewer")) == []


def test_volumes_that_no_service_uses_are_said_on_the_apps_page(cluster, client):
    app = factories.app()
    manifest = "services: {web: {command: a, volumes: [{name: data, path: /data, size: 10}]}}"
    release = factories.active(app, manifest=manifest)
    cluster.create(manifests.namespace(app.namespace, app.name, installation="local"))
    objects = manifests.render(release, installation="local")
    for obj in (each for each in objects if each["kind"] in ("PersistentVolumeClaim", "Deployment")):
        cluster.create(obj)
    client.force_login(factories.person("viewer"))

    def page():
        return client.get(app.get_absolute_url()).content.decode()

    def told():
        return [(volume.name, volume.size) for volume in actions.orphaned_volumes(app, by=factories.actor("viewer"))]

    assert "Volumes that no service uses" not in page() and told() == []
    cluster.delete("Deployment", app.namespace, "web")
    assert told() == [("web-data", "10 GiB")]
    other = factories.app()
    factories.active(other)
    assert "Volumes that no service uses" not in client.get(other.get_absolute_url()).content.decode()
    eventually(lambda: "web-data" in page(), 20)
