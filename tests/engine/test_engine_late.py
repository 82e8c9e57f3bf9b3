"""What comes when all Deployments are complete: timers, domains, autoscalers, budgets; how they change, fail and go."""

import copy
from datetime import UTC, datetime

import pytest
import time_machine

from releases import actions, policy
from releases.clients.cluster import Cluster
from releases.clients.mirror import Mirror
from releases.clients.streams import Watch
from releases.errors import ClusterUnavailable, NotAllowed, Refused
from releases.models import App, Rollout
from releases.pipeline import inspect, manifests
from releases.pipeline.applying import MANAGER, Writer
from tests.clusters import eventually
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)
# By what the local cluster does not measure: its own autoscaler moves the count only to keep it within the range.
RANGE = {"count": "1-4", "targets": {"memory": 70}}
NIGHTLY = {"schedule": "0 3 1 1 *", "command": "true", "timeout": 60}
LATE = [*manifests.LATE]


def late(world):
    """(kind, name) → its substance, of what comes late and is ours."""
    found = {}
    for kind in LATE:
        for item in world.cluster.list_all(kind, world.namespace, labels=manifests.OURS)[0]:
            found[kind, item["metadata"]["name"]] = item["spec"]
    return found


def scaler(world, name="web"):
    return world.get("HorizontalPodAutoscaler", name)["spec"]


def count(world, name="web"):
    return world.get("Deployment", name)["spec"]["replicas"]


def moved(world, number, name="web"):
    """As the autoscaler's controller does: it takes the field over."""
    world.cluster.apply(
        manifests.replicas(name, world.namespace, number), manager="kube-controller-manager", force=True
    )


def begun(world, timer="nightly", program="import time; time.sleep(60)"):
    """A Job as the timer's controller makes it, that runs until it is stopped."""
    cron = world.get("CronJob", timer)
    template = copy.deepcopy(cron["spec"]["jobTemplate"])
    template["spec"]["template"]["spec"]["containers"][0]["command"] = [world.python, "-I", "-S", "-c", program]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": timer, "uid": cron["metadata"]["uid"]}
    metadata = template["metadata"] | {
        "name": f"{timer}-29384",
        "namespace": world.namespace,
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }
    made = world.cluster.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    )
    eventually(lambda: timed(world))
    return made


def timed(world):
    """Names of the pods of timers that are not ending."""
    pods, _ = world.cluster.list_all("Pod", world.namespace, labels=manifests.TIMER)
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def once(act, *, how="apply", kind):
    """Acts before the first write of that sort gets through."""
    done = []

    def tell(method, written, name):
        if (method, written) == (how, kind) and not done:
            done.append(name)
            act()

    return tell


# --- The step itself ------------------------------------------------------------------------------------------------


def test_all_of_it_comes_when_all_processes_are_there_in_its_order(world, process):
    written = []

    def tell(how, kind, name):
        if how == "apply" and kind in LATE:
            written.append((kind, world.get("Deployment", "web")["status"].get("availableReplicas", 0)))

    release = world.release(file="serves", port=8080, domain=["shop.test"], scale=RANGE, timers={"nightly": NIGHTLY})
    ended = world.carried(release, refusing(tell)(process.kubeconfig))
    assert ended.status == "succeeded", ended.reason
    assert written == [(kind, 1) for kind in LATE]
    assert set(late(world)) == {("CronJob", "nightly")} | {(kind, "web") for kind in LATE[1:]}


@pytest.mark.parametrize("kind", LATE)
def test_one_that_is_refused_then_brings_the_previous_release_back_whole(world, process, kind):
    options = {"file": "serves", "port": 8080, "domain": ["shop.test"], "timers": {"nightly": NIGHTLY}}
    good = world.active(scale=RANGE, **options)
    before = late(world)
    words = 'admission webhook "late" denied the request'
    told = once(lambda: raises(Refused(words)), kind=kind)
    changed = {**options, "domain": ["other.test"], "timers": {"nightly": NIGHTLY, "hourly": NIGHTLY}}
    ended = world.carried(world.release(scale={**RANGE, "count": "1-9"}, **changed), refusing(told)(process.kubeconfig))
    assert (ended.status, ended.cause) == ("rolled_back", "refused"), ended.reason
    assert words in ended.reason and f"{good.pk} is back on every process." in ended.reason
    assert world.running() == [("web", good.pk)] and late(world) == before
    assert world.active_release() == good


def test_a_webhook_of_it_that_keeps_silent_brings_the_previous_release_back(world, process):
    """The cluster answers 500, as if it were away: that is waited for, but not for a day."""
    good = world.active()
    words = 'Internal error occurred: failed calling webhook "budgets.example.com": context deadline exceeded'
    asked = []
    with time_machine.travel(datetime.now(UTC)) as clock:

        def silent(how, kind, name):
            if (how, kind) == ("apply", "HorizontalPodAutoscaler"):
                asked.append(name)
                clock.shift(31)
                raises(ClusterUnavailable(words, answered=True))

        ended = world.carried(world.release(scale=RANGE), refusing(silent)(process.kubeconfig))
    assert (ended.status, ended.cause, len(asked)) == ("rolled_back", "refused", 3), ended.reason
    assert "failed calling webhook" in ended.reason and world.running() == [("web", good.pk)]


def test_who_takes_over_in_the_middle_of_it_ends_it(world, process):
    rollout = world.promote(world.release(scale=RANGE, timers={"nightly": NIGHTLY}))
    workers = []
    told = once(lambda: workers[0].stop.set(), kind="HorizontalPodAutoscaler")
    workers.append(world.worker(rollout, refusing(told)(process.kubeconfig)))
    workers[0].thread.join(60)
    assert set(late(world)) >= {("CronJob", "nightly")} and ("PodDisruptionBudget", "web") not in late(world)
    pods = world.names("Pod")
    ended = world.worker(workers[0].hand_over()).end()
    assert ended.status == "succeeded", ended.reason
    assert len(late(world)) == 3 and world.names("Pod") == pods
    stamps = {world.get(kind, name)["metadata"]["annotations"][manifests.EPOCH] for kind, name in late(world)}
    assert stamps == {f"{rollout.number}.{ended.epoch}"}


def test_an_abort_in_the_middle_of_it_takes_it_away_again(world, process):
    good = world.active()
    before = late(world)
    rollout = world.promote(world.release(scale=RANGE, timers={"nightly": NIGHTLY}))
    told = once(lambda: actions.abort(rollout, by=policy.SYSTEM), kind="HorizontalPodAutoscaler")
    ended = world.worker(rollout, refusing(told)(process.kubeconfig)).end()
    assert (ended.status, ended.cause) == ("rolled_back", "aborted"), ended.reason
    assert late(world) == before and world.running() == [("web", good.pk)]


def test_what_a_stale_worker_created_over_it_is_written_again(world, process):
    """It had found none, and was stopped before it wrote."""
    rollout = world.promote(world.release(scale=RANGE))

    def stale():
        theirs = copy.deepcopy(next(obj for obj in Rollout.objects.get(pk=rollout.pk).objects_applied
                                    if obj["kind"] == "HorizontalPodAutoscaler"))  # fmt: skip
        theirs["metadata"]["annotations"][manifests.EPOCH] = f"{rollout.number}.0"
        theirs["spec"]["maxReplicas"] = 9
        world.cluster.apply(theirs, manager=MANAGER, force=True)

    told = once(stale, kind="PodDisruptionBudget")
    ended = world.worker(rollout, refusing(told)(process.kubeconfig)).end()
    assert ended.status == "succeeded", ended.reason
    assert "Not as it was written, so written again: HorizontalPodAutoscaler web." in world.log(ended)
    assert scaler(world)["maxReplicas"] == 4


# --- Autoscalers ----------------------------------------------------------------------------------------------------


def test_a_service_with_a_range_begins_at_its_lower_end_or_with_what_runs(world):
    App.objects.filter(pk=world.app.pk).update(scale={"web": 3})
    world.active(scale={**RANGE, "count": "2-4"})
    assert count(world) == 2 and scaler(world)["minReplicas"] == 2
    moved(world, 3)
    world.active(scale=RANGE)
    assert count(world) == 3


def test_the_range_is_the_manifests_and_nobody_scales_by_hand(world):
    with pytest.raises(NotAllowed, match="range of 1 to 4 processes, between which its autoscaler will decide"):
        world.release(scale=RANGE)
        actions.scale(App.objects.get(pk=world.app.pk), "web", 2, by=policy.SYSTEM)
    world.active(scale=RANGE)
    with pytest.raises(
        NotAllowed, match=r"The manifest gives web a range of 1 to 4 processes.*change scale.count there"
    ):
        actions.scale(App.objects.get(pk=world.app.pk), "web", 2, by=policy.SYSTEM)
    assert count(world) == 1


def test_what_is_scaled_to_nothing_no_autoscaler_moves_but_a_person(world):
    world.active()
    actions.scale(App.objects.get(pk=world.app.pk), "web", 0, by=policy.SYSTEM)
    world.active(scale=RANGE)
    assert count(world) == 0
    actions.scale(App.objects.get(pk=world.app.pk), "web", 2, by=policy.SYSTEM)
    assert count(world) == 2


@pytest.mark.parametrize("number", [1, 4])
def test_one_that_moves_the_number_while_a_release_rolls_is_followed(world, number):
    world.active(scale={**RANGE, "count": "1-4"})
    moved(world, 2)
    eventually(lambda: world.get("Deployment", "web")["status"].get("availableReplicas") == 2)
    release = world.release(scale=RANGE, deployment={"verify": 4})
    rollout = world.promote(release)
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    moved(world, number)
    ended = worker.end()
    assert ended.status == "succeeded", ended.reason
    assert count(world) == number
    eventually(lambda: world.running() == [("web", release.pk)] * number)


def test_without_it_the_number_stays_and_is_a_persons_again(world):
    world.active(scale=RANGE)
    moved(world, 3)
    world.active()
    assert count(world) == 3 and world.names("HorizontalPodAutoscaler") == set()
    actions.scale(App.objects.get(pk=world.app.pk), "web", 2, by=policy.SYSTEM)
    world.active()
    assert count(world) == 2


def test_a_restore_takes_back_what_the_failed_releases_autoscaler_made_of_the_number(world, process):
    good = world.active()
    seen = []

    def scaled():
        seen.append(eventually(lambda: count(world) == 3))  # its lower end
        raises(Refused("no budgets"))

    told = once(scaled, kind="PodDisruptionBudget")
    ended = world.carried(world.release(scale={**RANGE, "count": "3-4"}), refusing(told)(process.kubeconfig))
    assert seen and ended.status == "rolled_back", ended.reason
    assert count(world) == 1 and world.names("HorizontalPodAutoscaler") == set()
    eventually(lambda: world.running() == [("web", good.pk)])


def test_what_its_controller_notes_is_no_change_and_no_reason_to_keep_it(world, process, api):
    """It writes its status all the time: between our reading and our deleting, too."""
    world.active(scale=RANGE)
    eventually(lambda: world.get("HorizontalPodAutoscaler", "web").get("status", {}).get("conditions"))
    rollout = Rollout.objects.latest("number")
    pen = Writer(world.cluster, world.namespace, "local", stamp=(rollout.number, rollout.epoch))
    assert [pen.would_change(obj) for obj in rollout.objects_applied] == [False] * len(rollout.objects_applied)
    noted = []

    def note():
        path = f"/apis/autoscaling/v2/namespaces/{world.namespace}/horizontalpodautoscalers/web/status"
        headers = {"Content-Type": "application/merge-patch+json"}
        noted.append(api.patch(path, content='{"status": {"desiredReplicas": 3}}', headers=headers).status_code)

    ended = world.carried(
        world.release(), refusing(once(note, how="delete", kind="HorizontalPodAutoscaler"))(process.kubeconfig)
    )
    assert noted == [200] and ended.status == "succeeded", ended.reason
    assert world.names("HorizontalPodAutoscaler") == set(), world.log(ended)


# --- Timers ---------------------------------------------------------------------------------------------------------


def test_what_a_timer_has_begun_is_no_process_and_keeps_its_secret_until_it_ends(world):
    first = world.active(timers={"nightly": NIGHTLY})
    second = world.release(timers={"nightly": NIGHTLY}, deployment={"verify": 5})
    rollout = world.promote(second)
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    begun(world)
    ended = worker.end()
    assert ended.status == "succeeded", ended.reason
    assert not any("nightly-29384" in line for line in world.log(ended))
    assert {process.service for process in inspect.processes(world.app)} == {"web"}
    ended = world.carried(world.release(file="ends", timers={"nightly": NIGHTLY}))
    assert ended.status == "rolled_back", ended.reason
    assert {square["service"] for square in ended.squares} == {"web"}
    assert len(timed(world)) == 1, "what had begun goes on"
    assert world.find("Secret", manifests.secret_name(first.pk))
    assert world.running() == [("", first.pk), ("web", second.pk)]
    world.cluster.delete("Job", world.namespace, "nightly-29384")
    eventually(lambda: not world.names("Pod", manifests.TIMER))
    world.active(timers={"nightly": NIGHTLY})
    assert world.find("Secret", manifests.secret_name(first.pk)) is None


def test_one_that_the_release_no_longer_has_goes_with_what_it_has_begun(world):
    world.active(timers={"nightly": NIGHTLY})
    begun(world)
    world.active()
    assert world.names("CronJob") == set()
    eventually(lambda: not timed(world) and not world.names("Job"))


def test_a_restore_stops_what_timers_have_begun_of_the_failed_release(world, process):
    good = world.active(timers={"nightly": NIGHTLY})
    told = once(lambda: begun(world) and raises(Refused("no budgets")), kind="PodDisruptionBudget")
    ended = world.carried(world.release(timers={"nightly": NIGHTLY}), refusing(told)(process.kubeconfig))
    assert ended.status == "rolled_back", ended.reason
    assert not timed(world) and world.running() == [("web", good.pk)]
    template = world.get("CronJob", "nightly")["spec"]["jobTemplate"]
    assert template["metadata"]["labels"][manifests.RELEASE] == good.pk


class Unheard(Watch):
    """Says of a timer's process nothing but its end."""

    def __iter__(self):
        for event, obj in super().__iter__():
            if event == "DELETED" or manifests.TIMER not in (obj["metadata"].get("labels") or {}):
                yield event, obj


class SlowToTell(Cluster):
    def watch(self, kind, **options):
        made = super().watch(kind, **options)
        return Unheard(made.response, made.url) if kind == "Pod" else made


@pytest.fixture(params=["told at once", "told late"])
def more_or_less_told(request, world, process):
    """The world; a busy cluster's watch may be behind what a list gives."""
    if request.param == "told late":
        world.mirror = Mirror(SlowToTell(process.kubeconfig), labels=manifests.OURS, prefix="deployer-")
        world.mirror.start()
        yield world
        world.mirror.retire()
    else:
        yield world


def test_a_first_release_that_is_taken_down_leaves_nothing_of_its_timers_running(more_or_less_told, process):
    world = more_or_less_told
    rollout = world.promote(world.release(timers={"nightly": NIGHTLY}))
    told = once(lambda: begun(world) and raises(Refused("no budgets")), kind="PodDisruptionBudget")
    kept = once(
        lambda: world.meddle(job(), metadata={"finalizers": ["example.com/wait"]}), how="delete", kind="CronJob"
    )

    def job():
        return {**world.get("Job", "nightly-29384"), "apiVersion": "batch/v1", "kind": "Job"}

    def tell(*written):
        told(*written)
        kept(*written)

    worker = world.worker(rollout, refusing(tell)(process.kubeconfig))
    eventually(lambda: timed(world) and "deletionTimestamp" in job()["metadata"])
    eventually(lambda: not world.names("Deployment") | world.names("ReplicaSet"))
    worker.thread.join(1)  # seconds in which it must not end: the timer's process is still there
    assert timed(world) and worker.thread.is_alive()
    world.meddle(job(), metadata={"finalizers": []})
    ended = worker.end()
    assert ended.status == "rolled_back" and "Nothing runs" in ended.reason
    assert world.names("CronJob") == set() and not timed(world)
