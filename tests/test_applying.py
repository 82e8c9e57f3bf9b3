"""The pen: no stranger is harmed, no stale worker gets through, scale belongs to people; on a real embedded cluster."""

import copy
import itertools

import pytest

from releases.clients.cluster import Cluster, connect
from releases.errors import ClusterError, FieldConflict, RolloutFailed, Stale
from releases.pipeline import applying, manifests, operate, pruning
from releases.pipeline.applying import Writer
from tests import factories
from tests.clusters import started

pytestmark = pytest.mark.django_db(transaction=True)
_numbers = itertools.count(1)


class Killed(Exception):
    """What ends a worker between two requests."""


class Interrupted(Cluster):
    """A real cluster, where somebody else writes between our first reading of an object and what we do then."""

    def between(self, act):
        self.act = act
        return self

    def find(self, kind, namespace, name):
        found = super().find(kind, namespace, name)
        act, self.act = getattr(self, "act", None), None
        if act:
            act()
        return found


class Deadly(Cluster):
    """A real cluster, where the worker dies before its first request as `deployer-scale`."""

    def apply(self, obj, *, manager, **options):
        if manager == applying.SCALE_MANAGER:
            raise Killed
        return super().apply(obj, manager=manager, **options)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture
def cluster(process, settings) -> Cluster:
    settings.DEPLOYER_KUBECONFIG = str(process.kubeconfig)
    return connect(process.kubeconfig)


@pytest.fixture
def app(cluster):
    """With a namespace, and nothing in it."""
    made = factories.app(f"pen-{next(_numbers)}")
    cluster.create(manifests.namespace(made.namespace, made.name, installation="local"))
    return made


@pytest.fixture
def objects(app):
    """Of a release of `app` that serves nobody yet: its image is not there."""
    return manifests.render(factories.release(app, env={"KEY": "value"}), installation="local")


def pen(cluster, app, *stamp):
    return Writer(cluster, app.namespace, "local", stamp=stamp)


def written(writer, objects, count=0):
    for obj in objects:
        writer.apply(obj, count=count)


def only(objects, kind):
    return next(obj for obj in objects if obj["kind"] == kind)


def live(cluster, obj):
    return cluster.get(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])


def versions(cluster, objects):
    return [live(cluster, obj)["metadata"]["resourceVersion"] for obj in objects]


def stamps(cluster, objects):
    return {live(cluster, obj)["metadata"]["annotations"][manifests.EPOCH] for obj in objects}


def annotated(cluster, obj, *, manager="somebody", **annotations):
    """As `kubectl annotate` would."""
    body = {key: obj[key] for key in ("apiVersion", "kind")}
    names = {key: obj["metadata"][key] for key in ("name", "namespace")}
    return cluster.apply({**body, "metadata": {**names, "annotations": annotations}}, manager=manager, force=True)


# --- Fencing --------------------------------------------------------------------------------------------------------


def test_a_worker_of_an_older_rollout_deletes_nothing_that_a_newer_one_wrote(cluster, app, objects):
    written(pen(cluster, app, 2, 1), objects)
    stale = pen(cluster, app, 1, 1)
    with pytest.raises(Stale, match=r"newer stamp 2\.1"):
        stale.surplus([], kept_secrets=set())
    with pytest.raises(Stale):
        pruning.prune(stale, [], kept_secrets=set)
    assert stamps(cluster, objects) == {"2.1"}, "something was deleted"


def test_a_stale_worker_deletes_nothing_even_if_only_one_of_many_objects_is_newer(cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    written(pen(cluster, app, 2, 1), [only(objects, "Secret")])  # the last kind that a prune looks at
    with pytest.raises(Stale):
        pruning.prune(pen(cluster, app, 1, 1), [], kept_secrets=set)
    assert stamps(cluster, objects) == {"1.1", "2.1"}


def test_a_worker_of_an_older_rollout_writes_nothing_over_a_newer_one(cluster, app, objects):
    written(pen(cluster, app, 2, 1), objects)
    before = versions(cluster, objects)
    for obj in objects:
        for force in (False, True):
            with pytest.raises(Stale, match=f"{obj['kind']} .* carries the newer stamp 2.1"):
                pen(cluster, app, 1, 1).apply(obj, force=force)
    assert versions(cluster, objects) == before


def test_of_one_rollout_the_worker_that_took_over_writes_and_the_older_is_refused(cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    written(pen(cluster, app, 1, 2), objects)
    assert stamps(cluster, objects) == {"1.2"}
    with pytest.raises(Stale):
        pen(cluster, app, 1, 1).apply(objects[0])
    with pytest.raises(Stale):
        pen(cluster, app, 1, 1).surplus([], kept_secrets=set())


def test_stamps_are_numbers_and_not_text(cluster, app, objects):
    written(pen(cluster, app, 9, 9), objects)
    written(pen(cluster, app, 9, 10), objects)
    written(pen(cluster, app, 10, 1), objects)
    assert stamps(cluster, objects) == {"10.1"}


def test_a_worker_overtaken_between_reading_and_writing_is_refused(process, cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    slow = Interrupted(process.kubeconfig).between(lambda: written(pen(cluster, app, 1, 2), objects))
    with pytest.raises(Stale):
        pen(slow, app, 1, 1).apply(objects[0])
    assert stamps(cluster, objects) == {"1.2"}


def test_what_is_no_longer_wanted_goes_and_the_rest_stays(cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": app.namespace}}
    cluster.create(copy.deepcopy(foreign))
    wanted = [obj for obj in objects if obj["kind"] == "Deployment"]
    secret = only(objects, "Secret")
    writer = pen(cluster, app, 2, 1)
    assert pruning.prune(writer, wanted, kept_secrets=lambda: {secret["metadata"]["name"]}) == []
    assert live(cluster, wanted[0]) and live(cluster, secret) and live(cluster, foreign)
    assert cluster.find("Service", app.namespace, "web") is None
    assert pruning.prune(writer, wanted, kept_secrets=set) == []
    assert cluster.find("Secret", app.namespace, secret["metadata"]["name"]) is None


def test_an_object_that_changed_since_it_was_read_is_not_deleted(cluster, app, objects):
    writer = pen(cluster, app, 1, 1)
    written(writer, objects)
    [service] = [obj for obj in writer.surplus([], kept_secrets=set()) if obj["kind"] == "Service"]
    annotated(cluster, only(objects, "Service"), note="I need this")
    assert writer.delete(service) is False
    assert live(cluster, service)["metadata"]["annotations"]["note"] == "I need this"


# --- Would it change anything? --------------------------------------------------------------------------------------


def test_right_after_an_apply_another_would_change_nothing(cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    assert [pen(cluster, app, 1, 1).would_change(obj) for obj in objects] == [False] * len(objects)
    # The stamp of a later worker alone is no change.
    assert [pen(cluster, app, 2, 3).would_change(obj) for obj in objects] == [False] * len(objects)


def test_what_is_missing_or_was_altered_would_change(cluster, app, objects):
    writer = pen(cluster, app, 1, 1)
    assert writer.would_change(objects[0]) is True
    written(writer, objects)
    service = only(objects, "Service")
    theirs = copy.deepcopy(service)
    theirs["spec"] = {"sessionAffinity": "ClientIP"}
    cluster.apply(theirs, manager="somebody", force=True)
    assert writer.would_change(service) is True
    assert live(cluster, service)["spec"]["sessionAffinity"] == "ClientIP", "asking has changed it"


def test_somebody_who_writes_while_it_is_asked_makes_it_a_change_and_no_error(process, cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    for obj in objects:
        busy = Interrupted(process.kubeconfig).between(lambda obj=obj: annotated(cluster, obj, note="just now"))
        writer = pen(busy, app, 1, 1)
        assert writer.would_change(obj) is True
        assert writer.would_change(obj) is False  # a foreign annotation is no business of ours


def test_an_object_that_changes_between_reading_and_writing_is_read_again(process, cluster, app, objects):
    written(pen(cluster, app, 1, 1), objects)
    service = only(objects, "Service")
    busy = Interrupted(process.kubeconfig).between(lambda: annotated(cluster, service, note="just now"))
    answer = pen(busy, app, 1, 2).apply(service)
    assert answer["metadata"]["annotations"][manifests.EPOCH] == "1.2"
    assert answer["metadata"]["annotations"]["note"] == "just now"


# --- Strangers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Secret", "Service", "Deployment"])
def test_a_strangers_object_of_our_name_is_refused_by_name_and_untouched(cluster, app, objects, kind):
    ours = only(objects, kind)
    theirs = copy.deepcopy(ours)
    theirs["metadata"].pop("labels")
    theirs["metadata"].pop("annotations")
    cluster.apply(theirs, manager="somebody")
    writer = pen(cluster, app, 5, 1)
    name = ours["metadata"]["name"]
    with pytest.raises(RolloutFailed, match=f"^{kind} {name} in {app.namespace} was not made by this Deployer"):
        writer.refuse_strangers(objects)
    with pytest.raises(RolloutFailed, match=f"{kind} {name}"):
        writer.apply(ours, force=True)
    assert writer.surplus([], kept_secrets=set()) == []
    metadata = live(cluster, ours)["metadata"]
    assert "labels" not in metadata and manifests.EPOCH not in metadata.get("annotations", {})
    assert not {entry["manager"] for entry in metadata["managedFields"]} & {applying.MANAGER, applying.SCALE_MANAGER}


def test_an_object_of_another_installation_is_a_strangers(cluster, app, objects):
    theirs = manifests.render(factories.release(app, env={"KEY": "theirs"}), installation="another")
    written(Writer(cluster, app.namespace, "another", stamp=(1, 1)), theirs)
    before = versions(cluster, theirs)
    writer = pen(cluster, app, 5, 1)
    with pytest.raises(RolloutFailed, match="Service web"):
        writer.refuse_strangers(objects)
    assert pruning.prune(writer, [], kept_secrets=set) == []
    assert versions(cluster, theirs) == before


def test_a_field_that_somebody_took_is_left_to_them_unless_it_must_be_forced(cluster, app, objects):
    writer = pen(cluster, app, 1, 1)
    written(writer, objects)
    service = only(objects, "Service")
    theirs = copy.deepcopy(service)
    theirs["spec"] = {"sessionAffinity": "ClientIP"}
    cluster.apply(theirs, manager="somebody", force=True)
    with pytest.raises(FieldConflict, match="somebody"):
        writer.apply(service)
    with pytest.raises(FieldConflict, match="somebody"):
        writer.dry_run([service])
    assert writer.apply(service, force=True)["spec"]["sessionAffinity"] == "None"


# --- Scale ----------------------------------------------------------------------------------------------------------


def scaled(cluster, obj):
    return live(cluster, obj)["spec"]["replicas"]


@pytest.mark.parametrize(("count", "expected"), [(3, 3), (0, 0), (None, 1)])
def test_the_first_creation_sets_the_count(cluster, app, objects, count, expected):
    deployment = only(objects, "Deployment")
    answer = pen(cluster, app, 1, 1).apply(deployment, count=count)
    assert answer["spec"]["replicas"] == scaled(cluster, deployment) == expected


def test_a_later_apply_keeps_what_people_scaled_to(cluster, app, objects):
    deployment = only(objects, "Deployment")
    pen(cluster, app, 1, 1).apply(deployment, count=1)
    operate.scale(app, "web", 3)
    for stamp, force in (((2, 1), False), ((3, 1), True)):
        pen(cluster, app, *stamp).apply(deployment, count=1, force=force)
        assert scaled(cluster, deployment) == 3
    # As `kubectl scale` would, under a name of its own.
    cluster.apply(manifests.replicas("web", app.namespace, 2), manager="kubectl", force=True)
    for stamp, force in (((4, 1), False), ((5, 1), True)):
        pen(cluster, app, *stamp).apply(deployment, count=1, force=force)
        assert scaled(cluster, deployment) == 2


def test_a_worker_that_died_before_scale_had_its_own_owner_is_made_good(process, cluster, app, objects):
    deployment = only(objects, "Deployment")
    with pytest.raises(Killed):
        pen(Deadly(process.kubeconfig), app, 1, 1).apply(deployment, count=2)
    assert scaled(cluster, deployment) == 2  # it got that far
    answer = pen(cluster, app, 1, 2).apply(deployment, count=2)
    assert answer["spec"]["replicas"] == scaled(cluster, deployment) == 2
    pen(cluster, app, 2, 1).apply(deployment)
    operate.scale(app, "web", 1)
    pen(cluster, app, 3, 1).apply(deployment, count=2)
    assert scaled(cluster, deployment) == 1


# --- The namespace --------------------------------------------------------------------------------------------------


def test_a_namespace_is_made_once_and_a_strangers_is_refused(cluster):
    name = f"deployer-pen-{next(_numbers)}"
    ours = manifests.namespace(name, "shop", installation="local")
    assert applying.ensure_namespace(cluster, ours) == ""
    assert applying.ensure_namespace(cluster, ours) == ""
    with pytest.raises(RolloutFailed, match=f"Namespace {name} was not made by this Deployer"):
        applying.ensure_namespace(cluster, manifests.namespace(name, "shop", installation="another"))


def test_a_prune_that_the_cluster_refuses_is_a_warning(process, cluster, app, objects):
    class Full(Cluster):
        def delete(self, *_, **__):
            raise ClusterError("no room for that")

    written(pen(cluster, app, 1, 1), objects)
    warnings = pruning.prune(pen(Full(process.kubeconfig), app, 1, 1), [], kept_secrets=set)
    assert len(warnings) == len(objects)
    assert all("could not be removed: no room for that" in warning for warning in warnings)


# --- The variables of a process -------------------------------------------------------------------------------------

VARIABLES = """
environment: [REGION=eu, TOKEN]
services:
  web: {command: python app.py, port: 8080, environment: [REGION, CACHE=small, TOKEN=none]}
  worker: {command: python work.py, environment: [CACHE, QUEUE]}
"""


def test_a_default_anywhere_stands_for_a_service_that_names_the_variable_again(db):
    release = factories.release(factories.app(), manifest=VARIABLES)
    assert release.declared("web") == {"REGION": "eu", "TOKEN": "none", "CACHE": "small"}
    assert release.declared("worker") == {"REGION": "eu", "TOKEN": None, "CACHE": None, "QUEUE": None}


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ({}, ["CACHE", "QUEUE", "TOKEN"]),
        ({"CACHE": "1", "QUEUE": "2"}, ["TOKEN"]),
        ({"CACHE": "", "QUEUE": "", "TOKEN": ""}, []),
    ],
)
def test_what_one_service_requires_no_other_can_default(db, env, missing):
    release = factories.release(factories.app(), manifest=VARIABLES, env=env)
    assert release.missing_variables() == missing


def test_what_deployer_gives_itself_is_neither_required_nor_given_twice(db):
    text = "{command: python app.py, port: 8080, environment: [PORT, DEPLOYER_APP=mine, DEPLOYER_RELEASE]}"
    release = factories.release(factories.app(), manifest=f"services: {{web: {text}, worker: {{environment: [PORT]}}}}")
    assert release.missing_variables() == []
    (deployment, _) = (obj for obj in manifests.render(release, installation="here") if obj["kind"] == "Deployment")
    given = [(item["name"], item["value"]) for item in deployment["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert len(dict(given)) == len(given)
    assert dict(given) == {
        "DEPLOYER_APP": release.app.name,
        "DEPLOYER_SERVICE": "web",
        "DEPLOYER_RELEASE": release.pk,
        "DEPLOYER_BUILD": release.build_id,
        "PORT": "8080",
    }


def test_a_process_gets_the_default_that_stands(db):
    release = factories.release(factories.app(), manifest=VARIABLES, env={"TOKEN": "t"})
    by_name = {
        obj["metadata"]["name"]: obj["spec"]["template"]["spec"]["containers"][0]["env"]
        for obj in manifests.render(release, installation="local")
        if obj["kind"] == "Deployment"
    }
    web = {entry["name"]: entry["value"] for entry in by_name["web"]}
    worker = {entry["name"]: entry["value"] for entry in by_name["worker"]}
    assert (web["REGION"], web["CACHE"], worker["REGION"]) == ("eu", "small", "eu")
    assert "TOKEN" not in web and "CACHE" not in worker  # given by the environment; given by nobody
