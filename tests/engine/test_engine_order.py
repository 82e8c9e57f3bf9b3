"""What comes before what: notes before writes, objects in their order, last words before the restore."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from releases import actions, policy
from releases.clients.cluster import Cluster
from releases.errors import ClusterUnavailable
from releases.models import Rollout
from releases.pipeline import manifests
from tests.clusters import eventually
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)


def telling(world, tell):
    """The world's cluster, which calls `tell(kind, name)` before it lets a write through."""
    made = refusing(lambda method, kind, name: None if method == "dry run" else tell(kind, name))
    return made(world.kubeconfig)


def test_what_brings_people_there_comes_when_all_are_there(world):
    written = []

    def tell(kind, name):
        if kind == "Ingress":
            written.append(f"{world.get('Deployment', 'web')['status'].get('availableReplicas', 0)} available")
        written.append(kind)

    data = {"name": "data", "path": "/data", "size": 1}
    release = world.release(file="serves", port=8080, domain=["shop.test"], volumes=[data])
    ended = world.carried(release, telling(world, tell))
    assert ended.status == "succeeded", ended.reason
    early = ["Namespace", "Secret", "PersistentVolumeClaim", "Service", "Deployment"]
    assert list(dict.fromkeys(written)) == [*early, "1 available", "Ingress", "PodDisruptionBudget"]


def test_what_runs_is_noted_before_the_first_write(world):
    world.active()
    rollout = world.promote(world.release())
    noted = []

    def tell(kind, name):
        if kind == "Deployment":
            noted.append(Rollout.objects.get(pk=rollout.pk).baseline)

    ended = world.worker(rollout, telling(world, tell)).end()
    assert ended.status == "succeeded", ended.reason
    before = noted[0]["services"]["web"]
    assert (before["desired"], before["available"], len(before["exits"])) == (1, 1, 1)


def test_a_restore_applies_what_was_stored_after_the_last_words_are_kept(world):
    good = world.active()
    then = Rollout.objects.get(release=good)
    for obj in then.objects_applied:
        if obj["kind"] == "Deployment":  # as another version of Deployer may have rendered it
            obj["metadata"]["annotations"]["example.com/rendered"] = "then"
    then.save(update_fields=["objects_applied"])
    rollout = world.promote(world.release(file="ends"))
    kept = []

    def tell(kind, name):
        now = Rollout.objects.get(pk=rollout.pk)
        if now.status == "rolling_back":
            kept.append(now.evidence)

    ended = world.worker(rollout, telling(world, tell)).end()
    assert ended.status == "rolled_back", ended.reason
    assert world.get("Deployment", "web")["metadata"]["annotations"]["example.com/rendered"] == "then"
    assert "no queue at QUEUE_URL" in kept[0]


def test_a_cluster_that_is_away_for_a_day_is_not_waited_for_any_longer(world):
    rollout = world.promote(world.release())
    since = timezone.now() - timedelta(hours=24, minutes=1)
    rollout.write(progress={"away_since": since.isoformat()})
    gone = refusing(lambda *_: raises(ClusterUnavailable("It does not answer.")))
    ended = world.worker(rollout, gone(world.kubeconfig)).end()
    assert (ended.status, ended.cause) == ("failed", "cluster_unavailable")
    assert "did not answer for a day" in ended.reason and "Nothing that runs was changed" in ended.reason


def test_the_restore_waits_for_a_day_of_its_own(world):
    good = world.active()
    first = world.worker(world.promote(world.release(deployment={"verify": 30})))
    world.reaches(first.rollout, "rolling", applied=True)
    rollout = first.hand_over()
    since = (timezone.now() - timedelta(hours=24, minutes=1)).isoformat()
    rollout.write(progress={**rollout.progress, "away_since": since})
    gone = refusing(lambda *_: raises(ClusterUnavailable("It does not answer.")))
    second = world.worker(rollout, gone(world.kubeconfig))
    world.reaches(rollout, "rolling_back")
    third = world.worker(second.hand_over(), gone(world.kubeconfig))
    eventually(lambda: len([words for words in world.log(rollout) if words.startswith("Waiting for")]) == 1)
    ended = world.worker(third.hand_over()).end()
    assert (ended.status, ended.cause) == ("rolled_back", "cluster_unavailable")
    assert world.running() == [("web", good.pk)]


def test_an_abort_that_was_granted_is_not_forgotten_at_the_end(world):
    """All is complete, and what brings people there is just being written."""
    good = world.active(file="serves", port=8080)
    release = world.release(file="serves", port=8080, domain=["shop.test"])
    rollout = world.promote(release)

    def tell(kind, name):
        if kind == "Ingress" and not Rollout.objects.get(pk=rollout.pk).abort_requested_at:
            actions.abort(rollout, by=policy.SYSTEM)

    ended = world.worker(rollout, telling(world, tell)).end()
    assert (ended.status, ended.cause) == ("rolled_back", "aborted")
    assert world.active_release() == good and world.names("Ingress") == set()


def test_after_the_database_was_away_what_it_holds_counts(world):
    """The connection was lost in a commit: nobody knows whether that was done."""
    rollout = world.promote(world.release())
    lost = []

    def tell(kind, name):
        if kind == "Deployment" and not lost:
            lost.append(Rollout.objects.filter(pk=rollout.pk, status="rolling").update(status="queued"))
            raise OperationalError("server closed the connection unexpectedly")

    ended = world.worker(rollout, telling(world, tell)).end()
    assert lost == [1] and ended.status == "succeeded", ended.reason
    assert any(words.startswith("Waited ") and words.endswith("for the database.") for words in world.log(rollout))


def test_a_program_that_takes_our_mark_away_for_ever_is_not_fought_for_ever(world, process):
    class Stripping(Cluster):
        """With a mutating webhook."""

        def apply(self, obj, **options):
            if obj["kind"] == "Deployment":
                obj["metadata"].get("annotations", {}).pop(manifests.EPOCH, None)
            return super().apply(obj, **options)

    ended = world.carried(world.release(), Stripping(process.kubeconfig))
    assert (ended.status, ended.cause) == ("rolled_back", "edited")
    assert "keeps changing what was written: Deployment web" in ended.reason
    assert world.running() == []
