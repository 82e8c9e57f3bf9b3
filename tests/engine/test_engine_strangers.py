"""Whatever is not ours, beside ours and under the same names: refused by name, never judged by, never changed."""

import copy

import pytest

from releases.errors import ClusterUnavailable, Conflict, Refused
from releases.models import Rollout
from releases.pipeline import applying, manifests, secrets_in_use
from releases.pipeline.applying import Writer
from tests.clusters import eventually
from tests.engine.world import NO_IMAGE, raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ["Secret", "Service", "Deployment"]


def rendered(release, installation="local"):
    return manifests.render(release, installation=installation)


def snapshot(world, kinds=("Deployment", "Service", "Secret", "Job", "Pod")):
    """name → uid and version of everything there is."""
    found = {}
    for kind in kinds:
        for item in world.cluster.list_all(kind, world.namespace)[0]:
            metadata = item["metadata"]
            found[kind, metadata["name"]] = (metadata["uid"], metadata["resourceVersion"])
    return found


def stranger(obj, name=None):
    """The same without any mark of ours."""
    theirs = copy.deepcopy(obj)
    theirs["metadata"] = {"name": name or obj["metadata"]["name"], "namespace": obj["metadata"]["namespace"]}
    return theirs


def pod(world, name, labels):
    container = {"name": "main", "image": NO_IMAGE}
    metadata = {"name": name, "namespace": world.namespace, "labels": labels}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return world.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


# --- The same names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_strangers_object_of_our_name_ends_it_before_anything_is_changed(world, kind):
    release = world.release(port=8080)
    world.cluster.create(manifests.namespace(world.namespace, world.app.name, installation="local"))
    theirs = next(obj for obj in rendered(release) if obj["kind"] == kind)
    world.cluster.apply(stranger(theirs), manager="somebody")
    eventually(lambda: kind != "Deployment" or world.names("ReplicaSet", ""))
    before = snapshot(world, KINDS[:2])
    ended = world.carried(release)
    assert ended.status == "failed"
    name = theirs["metadata"]["name"]
    assert f"{kind} {name} in {world.namespace} was not made by this Deployer" in ended.reason
    assert snapshot(world, KINDS[:2]) == before


def test_another_installation_in_our_namespace_neither_holds_us_up_nor_is_touched(world):
    """Its objects carry the very same labels."""
    good = world.active()
    theirs = next(stranger(obj, "other") for obj in rendered(good) if obj["kind"] == "Deployment")
    theirs["metadata"] |= {
        "labels": {manifests.MANAGED_BY: manifests.MANAGER, manifests.SERVICE: "other", manifests.APP: "other"},
        "annotations": {manifests.INSTALLATION: "another"},
    }
    labels = {manifests.MANAGED_BY: manifests.MANAGER, manifests.APP: "other", manifests.SERVICE: "other"}
    theirs["spec"]["selector"] = {"matchLabels": labels}
    theirs["spec"]["template"]["metadata"]["labels"] = labels | {manifests.RELEASE: "RSTRANGER"}
    theirs["spec"]["template"]["spec"]["containers"][0]["image"] = NO_IMAGE
    world.cluster.apply(theirs, manager="deployer")
    eventually(lambda: len(world.names("Pod")) == 2)
    other = world.get("Deployment", "other")
    assert world.carried(world.release()).status == "succeeded"
    ended = world.carried(world.release(file="ends"))
    assert ended.status == "rolled_back" and ended.cause == "exits"
    after = world.get("Deployment", "other")
    assert (after["metadata"]["uid"], after["metadata"]["generation"]) == (
        other["metadata"]["uid"],
        other["metadata"]["generation"],
    )
    assert not any(square["service"] == "other" for square in ended.squares)


def test_pods_that_somebody_gave_our_labels_are_not_judged_by_and_stay(world):
    good = world.active()
    labels = {
        manifests.MANAGED_BY: manifests.MANAGER,
        manifests.APP: world.app.name,
        manifests.SERVICE: "elsewhere",
        manifests.RELEASE: "RSTRANGER",
    }
    theirs = pod(world, "pretender", labels)
    ended = world.carried(world.release("web", "extra", lost=["extra"]))
    assert ended.status == "rolled_back" and ended.reason.endswith(f"{good.pk} is back on every process.")
    assert world.get("Pod", "pretender")["metadata"]["uid"] == theirs["metadata"]["uid"]


def test_a_first_release_is_taken_down_beside_strangers_who_stay(world):
    world.cluster.create(manifests.namespace(world.namespace, world.app.name, installation="local"))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": world.namespace}}
    world.cluster.create(copy.deepcopy(secret))
    labels = {manifests.MANAGED_BY: manifests.MANAGER, manifests.SERVICE: "web"}
    pod(world, "pretender", labels)
    ended = world.carried(world.release(lost=["web"]))
    assert ended.status == "rolled_back" and "Nothing runs: it was the first release." in ended.reason
    assert world.find("Secret", "theirs") and world.find("Pod", "pretender")


# --- Asked beforehand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        'deployments.apps "web" is forbidden: User "ann" cannot patch resource',
        "Deployment.apps web is invalid: spec.template: Required value",
        "failed to create typed patch object: .spec.nonsense: field not declared in schema",
    ],
    ids=["403", "422", "500"],
)
def test_what_the_cluster_refuses_when_asked_ends_it_with_nothing_changed(world, process, words):
    good = world.active()
    before = snapshot(world)
    no = refusing(lambda how, kind, name: (how, kind) == ("dry run", "Deployment") and raises(Refused(words)))
    ended = world.carried(world.release(), no(process.kubeconfig))
    assert (ended.status, ended.cause) == ("failed", "refused")
    assert words in ended.reason and "Nothing that runs was changed." in ended.reason
    assert snapshot(world) == before and world.running() == [("web", good.pk)]


def test_a_field_that_somebody_took_ends_it_naming_them_and_the_field(world):
    good = world.active()
    spec = {"revisionHistoryLimit": 7}
    world.meddle(world.get("Deployment", "web"), manager="kubectl-edit", spec=spec)
    before = snapshot(world, ("Secret",))
    ended = world.carried(world.release())
    assert ended.status == "failed"
    assert "kubectl-edit" in ended.reason and ".spec.revisionHistoryLimit" in ended.reason
    assert snapshot(world, ("Secret",)) == before and world.running() == [("web", good.pk)]


def test_a_right_that_is_lost_in_the_middle_ends_in_a_named_reason_and_the_previous_release(world, process):
    good = world.active()
    words = 'deployments.apps "web" is forbidden: User "ann" cannot patch resource'
    told = []

    def once(how, kind, name):
        if (how, kind) == ("apply", "Deployment") and not told:
            told.append(name)
            raises(Refused(words))

    ended = world.carried(world.release(), refusing(once)(process.kubeconfig))
    assert ended.status == "rolled_back" and words in ended.reason
    assert world.running() == [("web", good.pk)]


def test_rights_that_stay_lost_end_in_words_at_the_deadline(world, process):
    good = world.active(deadline=6)
    words = "forbidden: User cannot patch resource"
    no = refusing(lambda how, kind, name: (how, kind) == ("apply", "Deployment") and raises(Refused(words)))
    ended = world.carried(world.release(deadline=6), no(process.kubeconfig))
    assert ended.status == "failed" and "The restore failed too" in ended.reason
    assert f"Now: web runs {good.pk}." in ended.reason
    # What comes next goes back to what was right, not to what the failed one left.
    assert world.carried(world.release()).status == "succeeded"


def test_a_token_that_has_expired_is_waited_for_and_that_is_said(world, process):
    left = [3]

    def expired(how, kind, name):
        if how == "apply" and left[0]:
            left[0] -= 1
            raises(ClusterUnavailable("Unauthorized", retry_after=1))

    ended = world.carried(world.release(), refusing(expired)(process.kubeconfig))
    assert ended.status == "succeeded"
    told = world.log(ended, "system/deployer")
    assert "Waiting for the cluster: Unauthorized It asks for 1 s of patience." in told
    assert any(line.startswith("The cluster answers again, after ") for line in told)


# --- What is no longer wanted ---------------------------------------------------------------------------------------


def test_a_secret_stays_while_anything_names_it(world):
    first = world.active()
    name = manifests.secret_name(first.pk)
    container = {"name": "main", "image": NO_IMAGE, "envFrom": [{"secretRef": {"name": name}}]}
    metadata = {"name": "debug", "namespace": world.namespace}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    world.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    world.active()
    assert world.carried(world.release()).status == "succeeded"
    assert world.find("Secret", name)
    world.cluster.delete("Pod", world.namespace, "debug")
    eventually(lambda: world.find("Pod", "debug") is None)
    world.active()
    assert world.find("Secret", name) is None


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]},
        {"initContainers": [{"envFrom": [{"secretRef": {"name": "s"}}]}], "containers": [{}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {}}]}}]},
        {"imagePullSecrets": [{"name": "s"}]},
    ],
)
def test_every_way_to_name_a_secret_counts(spec):
    assert secrets_in_use.named(spec) == {"s"}


def test_a_prune_that_fails_is_a_warning_and_made_good_the_next_time(world, process):
    world.active("web", "extra")
    no = refusing(lambda how, kind, name: how == "delete" and raises(Refused("not today")))
    ended = world.carried(world.release("web"), no(process.kubeconfig))
    assert ended.status == "succeeded"
    assert any(
        "extra, which the release no longer has, could not be removed: not today" in line for line in world.log(ended)
    )
    assert world.names("Deployment") == {"web", "extra"}
    world.active("web")
    assert world.names("Deployment") == {"web"}


def test_volumes_are_never_deleted(world, api):
    world.active()
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data",
            "namespace": world.namespace,
            "labels": {manifests.MANAGED_BY: manifests.MANAGER, manifests.APP: world.app.name},
            "annotations": {manifests.INSTALLATION: "local"},
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    path = f"/api/v1/namespaces/{world.namespace}/persistentvolumeclaims"
    made = api.post(path, json=claim).json()
    assert world.carried(world.release()).status == "succeeded"
    assert world.carried(world.release(file="ends")).status == "rolled_back"
    assert "PersistentVolumeClaim" not in applying.PRUNED
    assert api.get(f"{path}/data").json()["metadata"]["uid"] == made["metadata"]["uid"]


# --- A worker that was taken over from -------------------------------------------------------------------------------


def test_what_a_stale_worker_created_at_last_is_gone_at_the_end(world):
    """A creation can't be made conditional: the last step removes what the winner does not have."""
    rollout = world.promote(world.release("web", deployment={"verify": 5}))
    stale = Writer(world.cluster, world.namespace, "local", stamp=(rollout.number, 0))
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling")
    extra = next(obj for obj in rendered(world.release("extra")) if obj["kind"] == "Deployment")
    stale.apply(extra, count=0)
    assert worker.end().status == "succeeded"
    assert world.names("Deployment") == {"web"}


def test_a_creation_over_ours_by_a_stale_worker_is_written_again(world, process):
    """It had found nothing there, and was stopped before it wrote."""
    release = world.release("web", deployment={"verify": 5})
    rollout = world.promote(release)
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    body = next(obj for obj in rendered(release) if obj["kind"] == "Deployment")
    body = copy.deepcopy(body)
    body["metadata"]["annotations"][manifests.EPOCH] = f"{rollout.number}.0"
    world.cluster.apply(body, manager=applying.MANAGER, force=True)
    ended = worker.end()
    assert ended.status == "succeeded"
    assert "Not as it was written, so written again: Deployment web." in world.log(ended)
    annotations = world.get("Deployment", "web")["metadata"]["annotations"]
    assert annotations[manifests.EPOCH] == f"{rollout.number}.1"


def test_a_scale_in_the_moment_of_taking_it_over_is_not_lost(world, process):
    """A worker died before `deployer-scale` owned the count; the next reads it, and somebody scales just then."""
    release = world.release("web", lost=["web"])
    world.cluster.create(manifests.namespace(world.namespace, world.app.name, installation="local"))
    body = copy.deepcopy(next(obj for obj in rendered(release) if obj["kind"] == "Deployment"))
    body["metadata"]["annotations"][manifests.EPOCH] = "1.1"
    body["spec"]["replicas"] = 1
    world.cluster.apply(body, manager=applying.MANAGER)
    scaled = []

    def somebody(how, kind, name):
        if not scaled:
            scaled.append(name)
            world.cluster.apply(manifests.replicas("web", world.namespace, 3), manager="kubectl", force=True)

    writer = Writer(refusing(somebody)(process.kubeconfig), world.namespace, "local", stamp=(1, 2))
    answer = writer.apply(next(obj for obj in rendered(release) if obj["kind"] == "Deployment"))
    assert answer["spec"]["replicas"] == world.get("Deployment", "web")["spec"]["replicas"] == 3


def test_what_is_being_deleted_is_not_written_to(world):
    release = world.release("web", lost=["web"])
    world.cluster.create(manifests.namespace(world.namespace, world.app.name, installation="local"))
    writer = Writer(world.cluster, world.namespace, "local", stamp=(1, 1))
    deployment = next(obj for obj in rendered(release) if obj["kind"] == "Deployment")
    writer.apply(deployment, count=0)
    world.meddle(deployment, metadata={"finalizers": ["example.com/wait"]})
    world.cluster.delete("Deployment", world.namespace, "web")
    with pytest.raises(Refused, match="Deployment web is being deleted"):
        writer.apply(deployment, force=True)
    world.meddle(deployment, metadata={"finalizers": []})
    eventually(lambda: world.find("Deployment", "web") is None)


def test_conflicts_without_end_are_an_end_in_words(world, process):
    no = refusing(lambda how, kind, name: (how, kind) == ("apply", "Deployment") and raises(Conflict("again")))
    ended = world.carried(world.release(), no(process.kubeconfig))
    assert Rollout.objects.get(pk=ended.pk).status == "rolled_back"
    assert "Deployment web keeps changing under our hands." in ended.reason
