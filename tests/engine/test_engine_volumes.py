"""Volumes: made when missing, then only read; at most one process; what can't be is refused before anything changes."""

import pytest

from releases import actions, policy
from releases.errors import NotAllowed, Refused
from releases.models import App, Rollout
from releases.pipeline import inspect, manifests
from tests.clusters import eventually
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)
DATA = {"name": "data", "path": "/data", "size": 10}


def on_disk(world, *volumes, name="worker", **options):
    """A release whose service has these volumes."""
    return world.release(name, volumes=list(volumes or [DATA]), **options)


def running_on_disk(world, *volumes, **options):
    release = on_disk(world, *volumes, **options)
    ended = world.carried(release)
    assert ended.status == "succeeded", ended.reason
    return release


def claims(world):
    """name → uid and version."""
    items, _ = world.cluster.list_all("PersistentVolumeClaim", world.namespace)
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}


def strategy(world, name="worker"):
    return world.get("Deployment", name)["spec"]["strategy"]["type"]


def recorded(world, **scale):
    App.objects.filter(pk=world.app.pk).update(scale=scale)


def scaled_as_kubectl(world, count, name="worker"):
    world.cluster.apply(manifests.replicas(name, world.namespace, count), manager="kubectl", force=True)


def autoscaled(world, api, name="worker"):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    body = {"metadata": {"name": "busy"}, "spec": {"scaleTargetRef": target, "maxReplicas": 5}}
    path = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    assert api.post(path, json=body).status_code == 201


# --- Made once ------------------------------------------------------------------------------------------------------


def test_a_volume_is_made_once_and_never_written_again(world, process):
    written = []

    def tell(how, kind, name):
        if kind == "PersistentVolumeClaim":
            written.append((how, name))

    watching = refusing(tell)(process.kubeconfig)
    assert world.carried(on_disk(world), watching).status == "succeeded"
    assert written == [("dry run", "worker-data"), ("create", "worker-data")]
    made = world.get("PersistentVolumeClaim", "worker-data")["metadata"]
    ended = world.carried(on_disk(world, {**DATA, "path": "/elsewhere"}), watching)  # its path is no matter of it
    assert ended.status == "succeeded", ended.reason
    ended = world.carried(on_disk(world, file="ends"), watching)
    assert ended.status == "rolled_back", ended.reason
    assert len(written) == 2
    now = world.get("PersistentVolumeClaim", "worker-data")["metadata"]
    assert (now["uid"], now["annotations"][manifests.EPOCH]) == (made["uid"], made["annotations"][manifests.EPOCH])


def test_a_strangers_claim_of_the_name_is_refused_and_untouched(world):
    with world.namespace_made():
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "worker-data", "namespace": world.namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
        }
        world.cluster.create(body)
    before = claims(world)
    ended = world.carried(on_disk(world))
    assert ended.status == "failed"
    assert f"PersistentVolumeClaim worker-data in {world.namespace} was not made by this Deployer" in ended.reason
    assert claims(world) == before


# --- Refused beforehand ---------------------------------------------------------------------------------------------


def test_what_a_volume_can_not_be_is_refused_in_words_and_nothing_is_changed(world, api):
    good = running_on_disk(world)
    before = claims(world)

    def refused(release, words):
        ended = world.carried(release)
        assert (ended.status, ended.cause) == ("failed", "volume"), ended.reason
        assert words in ended.reason and "Nothing that runs was changed." in ended.reason
        assert claims(world) == before and world.running() == [("worker", good.pk)]

    refused(
        on_disk(world, {**DATA, "size": 20}),
        "The volume worker-data has 10 GiB and the manifest says 20 GiB: a promote can't change a volume's size.",
    )
    refused(
        on_disk(world, {**DATA, "name": "files"}),
        "worker would get the empty volume worker-files in place of worker-data: a promote can't rename a volume.",
    )
    recorded(world, worker=3)
    refused(on_disk(world), "at most one process of it may run; 3 are asked for: scale it to 1 first.")
    recorded(world)
    autoscaled(world, api)
    refused(on_disk(world), "the autoscaler busy decides how many do")
    world.cluster.delete("HorizontalPodAutoscaler", world.namespace, "busy")
    world.cluster.delete("PersistentVolumeClaim", world.namespace, "worker-data")  # its process keeps it for now
    refused(on_disk(world), "The volume worker-data is being deleted by somebody")


def test_a_service_of_several_processes_gets_no_volume(world):
    good = world.active("worker", scale={"count": 2})
    ended = world.carried(on_disk(world))
    assert (ended.status, ended.cause) == ("failed", "volume")
    assert "worker has a volume, so at most one process of it may run; 2 are asked for" in ended.reason
    assert claims(world) == {} and world.running() == [("worker", good.pk)] * 2


# --- There and back -------------------------------------------------------------------------------------------------


def test_a_service_gets_a_volume_and_gives_it_up_by_a_release_and_by_a_restore(world):
    world.active("worker")
    assert strategy(world) == "RollingUpdate"
    ended = world.carried(on_disk(world, file="ends"))  # back from a volume to none
    assert ended.status == "rolled_back", ended.reason
    assert strategy(world) == "RollingUpdate" and set(claims(world)) == {"worker-data"}
    assert [orphan.name for orphan in inspect.orphaned_volumes(world.app)] == ["worker-data"]

    disk = on_disk(world)
    ended = world.carried(disk)
    assert ended.status == "succeeded", ended.reason
    assert "worker has a volume: its process stops before the next one starts." in world.log(ended)
    assert strategy(world) == "Recreate" and world.running() == [("worker", disk.pk)]
    assert inspect.orphaned_volumes(world.app) == []
    kept = claims(world)

    ended = world.carried(world.release("worker", file="ends"))  # back from none to a volume
    assert ended.status == "rolled_back", ended.reason
    assert strategy(world) == "Recreate" and world.running() == [("worker", disk.pk)]

    ended = world.carried(world.release("worker"))
    assert ended.status == "succeeded", ended.reason
    assert "The volume worker-data stays: 10 GiB, nothing uses it now." in world.log(ended)
    assert strategy(world) == "RollingUpdate" and claims(world) == kept
    [orphan] = inspect.orphaned_volumes(world.app)
    assert (orphan.name, orphan.service, orphan.size) == ("worker-data", "worker", "10 GiB")

    # What nothing uses is no reason against another one; and it may come back.
    running_on_disk(world, {**DATA, "name": "files"})
    ended = world.carried(on_disk(world))
    assert ended.status == "succeeded", ended.reason
    assert claims(world).items() >= kept.items() and set(claims(world)) == {"worker-data", "worker-files"}


def test_a_first_release_that_fails_leaves_its_volume(world):
    ended = world.carried(on_disk(world, file="ends"))
    assert ended.status == "rolled_back" and "Nothing runs: it was the first release." in ended.reason
    assert world.running() == [] and set(claims(world)) == {"worker-data"}


# --- At most one process --------------------------------------------------------------------------------------------


def test_nobody_scales_it_above_one(world):
    running_on_disk(world)
    for count in (2, 100):
        with pytest.raises(NotAllowed, match="worker has a volume, so at most one process of it may run"):
            actions.scale(App.objects.get(pk=world.app.pk), "worker", count, by=policy.SYSTEM)
    assert App.objects.get(pk=world.app.pk).scale == {}
    for count in (0, 1):
        actions.scale(App.objects.get(pk=world.app.pk), "worker", count, by=policy.SYSTEM)
        assert world.get("Deployment", "worker")["spec"]["replicas"] == count


def test_nor_while_the_release_that_brings_the_volume_is_on_its_way(world):
    world.active("worker")
    world.promote(on_disk(world))
    with pytest.raises(NotAllowed, match="worker has a volume"):
        actions.scale(App.objects.get(pk=world.app.pk), "worker", 2, by=policy.SYSTEM)


def test_what_somebody_scaled_in_the_middle_is_one_before_it_has_the_volume(world, process):
    world.active("worker")
    scaled = []

    def somebody(how, kind, name):
        if (how, kind) == ("create", "PersistentVolumeClaim") and not scaled:
            scaled.append(name)
            scaled_as_kubectl(world, 2)
            eventually(lambda: world.get("Deployment", "worker")["status"].get("replicas") == 2)

    disk = on_disk(world)
    ended = world.carried(disk, refusing(somebody)(process.kubeconfig))
    assert scaled and ended.status == "succeeded", ended.reason
    assert world.get("Deployment", "worker")["spec"]["replicas"] == 1
    assert world.running() == [("worker", disk.pk)]


def test_a_restore_to_a_volume_runs_one_process_of_it(world):
    disk = running_on_disk(world)
    rollout = world.promote(world.release("worker", deployment={"verify": 30}))
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    scaled_as_kubectl(world, 3)
    actions.abort(rollout, by=policy.SYSTEM)
    ended = worker.end()
    assert ended.status == "rolled_back", ended.reason
    assert world.get("Deployment", "worker")["spec"]["replicas"] == 1
    assert world.running() == [("worker", disk.pk)] and strategy(world) == "Recreate"


def test_an_autoscaler_of_the_failed_release_is_gone_before_the_volume_is_back(world, process):
    """It would start a second process of it."""
    disk = running_on_disk(world)
    there = []

    def tell(how, kind, name):
        if (how, kind) == ("apply", "PodDisruptionBudget") and not there:
            raises(Refused("no budgets"))
        restoring = Rollout.objects.filter(app=world.app, status="rolling_back").exists()
        if restoring and (how, kind) == ("apply", "Deployment"):
            there.append(world.find("HorizontalPodAutoscaler", "worker"))

    ended = world.carried(
        world.release("worker", scale={"count": "1-4", "targets": {"cpu": 70}}), refusing(tell)(process.kubeconfig)
    )
    assert ended.status == "rolled_back" and there[0] is None, ended.reason
    assert world.running() == [("worker", disk.pk)]
