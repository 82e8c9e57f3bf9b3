"""What "restored" means, and what becomes of a rollout when somebody meddles with it."""

import pytest
from django.db import OperationalError

from releases import actions, policy
from releases.errors import NotAllowed, Stale
from releases.models import App, Rollout
from releases.pipeline import manifests, operate
from tests.clusters import eventually
from tests.engine.world import refusing

pytestmark = pytest.mark.django_db(transaction=True)


def while_restoring(world, rollout, act):
    """What somebody does once the restore has written the Deployment: whether it is done, and the cluster for this."""
    done = []

    def tell(how, kind, name):
        restoring = Rollout.objects.filter(pk=rollout.pk, status="rolling_back").exists()
        if restoring and (how, kind) == ("apply", "PodDisruptionBudget") and not done:
            done.append(name)
            act()

    return done, refusing(tell)(world.kubeconfig)


def available(world, name="web"):
    return world.get("Deployment", name)["status"].get("availableReplicas", 0)


# --- Restored -------------------------------------------------------------------------------------------------------


def test_what_others_set_meanwhile_is_named(world):
    """`kubectl set env` survives even a forced apply."""
    good = world.active()
    rollout = world.promote(world.release(lost=["web"], deployment={"verify": 0, "pull": 6}))
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    world.set_env("web", FOREIGN="1")
    ended = worker.end()
    assert ended.status == "rolled_back", ended.reason
    assert f"{good.pk} is back on every process." in ended.reason
    assert "Not as before in web, left by somebody else: spec.containers[main].env[FOREIGN] (set by kubectl-set)." in (
        ended.reason
    )


def test_what_others_had_set_before_is_as_it_was_and_not_named(world):
    world.active()
    world.set_env("web", FOREIGN="1")
    eventually(lambda: world.get("Deployment", "web")["status"].get("updatedReplicas") and available(world) == 1)
    ended = world.carried(world.release(file="ends"))
    assert ended.status == "rolled_back" and "Not as before" not in ended.reason
    env = world.get("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "FOREIGN", "value": "1"} in env


def test_the_templates_before_are_kept_where_no_secret_of_theirs_can_be_read(world):
    world.active()
    world.set_env("web", PASSWORD="a long walk")
    ended = world.carried(world.release(file="ends"))
    assert "a long walk" in str(ended.templates_before)
    assert "a long walk" not in str(ended.baseline) and "a long walk" not in ended.reason


def test_what_was_unhealthy_before_is_named_and_not_waited_for(world, api):
    good = world.active()
    quota = {"metadata": {"name": "two"}, "spec": {"hard": {"pods": "2"}}}
    assert api.post(f"/api/v1/namespaces/{world.namespace}/resourcequotas", json=quota).status_code == 201
    operate.scale(App.objects.get(pk=world.app.pk), "web", 3)
    eventually(lambda: available(world) == 2)
    ended = world.carried(world.release())
    assert (ended.status, ended.cause) == ("rolled_back", "quota"), ended.reason
    assert ended.reason.endswith(
        f"{good.pk} is back on every process. web was unhealthy before, too: 2 of 3 available."
    )
    assert world.running() == [("web", good.pk)] * 2


def test_as_many_as_were_available_before_are_enough(world):
    good = world.active()
    operate.scale(App.objects.get(pk=world.app.pk), "web", 2)
    eventually(lambda: available(world) == 2)
    # Two more that find no place: nobody has so much memory.
    big = {"containers": [{"name": manifests.CONTAINER, "resources": {"requests": {"cpu": "9999"}}}]}
    deployment = world.get("Deployment", "web")
    world.meddle(deployment, spec={"template": {"spec": big}})
    eventually(lambda: world.get("Deployment", "web")["status"].get("unavailableReplicas"))
    world.meddle(deployment, spec={"template": {"spec": {"containers": [{"name": manifests.CONTAINER}]}}})
    eventually(lambda: available(world) == 2)
    ended = world.carried(world.release(file="ends"))
    assert ended.status == "rolled_back" and world.running() == [("web", good.pk)] * 2


def test_what_is_changed_right_after_it_was_applied_is_applied_again(world):
    good = world.active()
    rollout = world.promote(world.release(file="ends", termination={"grace": 3}))
    done, cluster = while_restoring(
        world, rollout, lambda: world.meddle(world.get("Deployment", "web"), spec={"revisionHistoryLimit": 9})
    )
    ended = world.worker(rollout, cluster).end()
    assert done and ended.status == "rolled_back", ended.reason
    assert world.get("Deployment", "web")["spec"]["revisionHistoryLimit"] == 2
    assert world.running() == [("web", good.pk)]


# --- Somebody meddles -----------------------------------------------------------------------------------------------


@pytest.fixture
def rolling(world):
    """A good release is active; another one is being rolled out, which takes some seconds."""
    world.good = world.active()
    slow = world.release(deployment={"verify": 5})
    rollout = world.promote(slow)
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    return worker


def test_a_deployment_that_somebody_deletes_comes_back_as_it_was(world, rolling):
    world.cluster.delete("Deployment", world.namespace, "web")
    ended = rolling.end()
    assert (ended.status, ended.cause) == ("rolled_back", "deleted"), ended.reason
    assert world.running() == [("web", world.good.pk)]


def test_a_deployment_that_somebody_pauses_comes_back_as_it_was(world, rolling):
    world.meddle(world.get("Deployment", "web"), manager="kubectl-rollout", spec={"paused": True})
    ended = rolling.end()
    assert (ended.status, ended.cause) == ("rolled_back", "paused"), ended.reason
    assert not world.get("Deployment", "web")["spec"].get("paused")
    assert world.running() == [("web", world.good.pk)]


def test_a_deployment_that_somebody_edits_comes_back_as_it_was(world, rolling):
    world.set_env("web", FOREIGN="1")
    ended = rolling.end()
    assert (ended.status, ended.cause) == ("rolled_back", "edited"), ended.reason


@pytest.mark.parametrize("count", [0, 2])
def test_a_scale_in_the_middle_is_kept(world, rolling, count):
    operate.scale(App.objects.get(pk=world.app.pk), "web", count)
    ended = rolling.end()
    assert ended.status == "succeeded", ended.reason
    assert world.get("Deployment", "web")["spec"]["replicas"] == count
    assert ("Scaled to 0, so not verified: web" in ended.reason) == (count == 0)


def test_a_namespace_that_somebody_deletes_is_made_again_with_what_ran(world, rolling):
    world.cluster.delete("Namespace", None, world.namespace)
    ended = rolling.end()
    assert ended.status == "rolled_back", ended.reason
    assert world.running() == [("web", world.good.pk)]


def test_a_deployment_that_is_deleted_during_the_restore_is_made_again(world):
    good = world.active()
    rollout = world.promote(world.release(file="ends", termination={"grace": 3}))
    done, cluster = while_restoring(world, rollout, lambda: world.cluster.delete("Deployment", world.namespace, "web"))
    ended = world.worker(rollout, cluster).end()
    assert done and ended.status == "rolled_back", ended.reason
    assert world.running() == [("web", good.pk)]


# --- Nothing to do --------------------------------------------------------------------------------------------------


def test_the_active_release_again_restarts_nothing(world):
    release = world.active()
    pods = world.names("Pod")
    ended = world.carried(release)
    assert ended.status == "succeeded" and world.names("Pod") == pods
    assert world.active_release() == release


def test_the_active_release_again_can_be_aborted(world):
    release = world.active()
    rollout = world.promote(release)
    actions.abort(rollout, by=policy.SYSTEM)
    assert Rollout.objects.get(pk=rollout.pk).status == "cancelled"
    assert world.find("Secret", manifests.secret_name(release.pk)), "what runs needs it"


def test_a_first_release_of_nothing_is_complete_and_says_that_it_proves_nothing(world):
    App.objects.filter(pk=world.app.pk).update(scale={"web": 0})
    ended = world.carried(world.release(lost=["web"]))
    assert ended.status == "succeeded" and "Scaled to 0, so not verified: web." in ended.reason
    assert world.running() == []


def test_the_first_count_is_the_recorded_one_and_later_the_cluster_s(world):
    App.objects.filter(pk=world.app.pk).update(scale={"web": 2})
    world.active("web", scale={"count": 1})
    assert available(world) == 2
    App.objects.filter(pk=world.app.pk).update(scale={"web": 5})
    world.active("web", scale={"count": 1})
    assert available(world) == 2
    assert world.carried(world.release("web", "worker", scale={"count": 1})).status == "succeeded"
    assert (available(world), available(world, "worker")) == (2, 1)


# --- Scale ----------------------------------------------------------------------------------------------------------


def autoscaler(world, api, **spec):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"metadata": {"name": "busy"}, "spec": {"scaleTargetRef": target, "maxReplicas": 5, **spec}}
    path = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers"
    assert api.post(path, json=body).status_code == 201


def scale_as_kubectl(world, api, count):
    """Through the subresource, which takes the field over."""
    path = f"/apis/apps/v1/namespaces/{world.namespace}/deployments/web/scale"
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = f'{{"spec": {{"replicas": {count}}}}}'
    assert api.patch(path, content=patch, headers=headers, params={"fieldManager": "kubectl"}).status_code == 200


def test_under_an_autoscaler_nobody_scales_by_hand(world, api):
    world.active()
    autoscaler(world, api)
    with pytest.raises(NotAllowed, match="The autoscaler busy decides how many processes of web run"):
        actions.scale(App.objects.get(pk=world.app.pk), "web", 3, by=policy.SYSTEM)
    assert world.get("Deployment", "web")["spec"]["replicas"] == 1
    assert App.objects.get(pk=world.app.pk).scale == {}


def test_a_strangers_deployment_is_not_scaled(world):
    world.active()
    world.meddle(world.get("Deployment", "web"), metadata={"annotations": {manifests.INSTALLATION: "another"}})
    with pytest.raises(NotAllowed, match=r"Deployment web in .* was not made by this Deployer"):
        actions.scale(App.objects.get(pk=world.app.pk), "web", 3, by=policy.SYSTEM)
    assert world.get("Deployment", "web")["spec"]["replicas"] == 1


def test_what_kubectl_scaled_to_survives_a_promote_and_a_restore(world, api):
    world.active()
    scale_as_kubectl(world, api, 2)
    eventually(lambda: available(world) == 2)
    good = world.active()
    assert available(world) == 2
    assert world.carried(world.release(file="ends")).status == "rolled_back"
    assert world.get("Deployment", "web")["spec"]["replicas"] == 2 and world.running() == [("web", good.pk)] * 2


@pytest.mark.parametrize("count", [1, 3])
def test_an_autoscaler_that_moves_the_count_in_the_middle_is_followed(world, rolling, api, count):
    scale_as_kubectl(world, api, count)
    ended = rolling.end()
    assert ended.status == "succeeded", ended.reason
    assert world.get("Deployment", "web")["spec"]["replicas"] == count


# --- Abort ----------------------------------------------------------------------------------------------------------


def test_an_abort_while_a_worker_prepares_it_leaves_nothing_behind(world, process):
    good = world.active()
    rollout = world.promote(world.release())
    asked = []

    def abort(how, kind, name):
        if how == "dry run" and not asked:
            asked.append(name)
            actions.abort(rollout, by=policy.SYSTEM)

    worker = world.worker(rollout, refusing(abort)(process.kubeconfig))
    ended = worker.end()
    assert (ended.status, isinstance(worker.fate, Stale)) == ("cancelled", True), (ended.reason, worker.fate)
    assert world.running() == [("web", good.pk)]
    # What it had made for itself goes with the next one.
    world.active()
    assert manifests.secret_name(rollout.release_id) not in world.names("Secret")


def test_an_abort_of_a_paused_one_brings_the_previous_release_back(world):
    good = world.active()
    rollout = world.promote(world.release(deployment={"verify": 30}))
    first = world.worker(rollout)
    world.reaches(rollout, "rolling")
    first.stop.set()
    first.thread.join(30)
    Rollout.objects.filter(pk=rollout.pk).update(status="paused")
    actions.abort(rollout, by=policy.SYSTEM)
    ended = world.worker(Rollout.objects.get(pk=rollout.pk)).end()
    assert (ended.status, ended.cause) == ("rolled_back", "aborted")
    assert world.running() == [("web", good.pk)]


def test_a_database_that_was_away_is_told_of_when_it_is_back(world, process):
    left = [1]

    def lost(how, kind, name):
        if how == "apply" and left[0]:
            left[0] -= 1
            raise OperationalError("the connection was cut")

    ended = world.carried(world.release(), refusing(lost)(process.kubeconfig))
    assert ended.status == "succeeded"
    assert any(line.startswith("Waited ") and line.endswith(" s for the database.") for line in world.log(ended))
