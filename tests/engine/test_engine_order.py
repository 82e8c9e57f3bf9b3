"""What comes before what: notes before writes, objects in their order, last words before the restore."""

from datetime import timedelta

import pytest
from django.utils import timezone

from releases.errors import ClusterUnavailable
from releases.models import Rollout
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)


def telling(world, tell):
    """The world's cluster, which calls `tell(kind, name)` before it lets a write through."""
    made = refusing(lambda method, kind, name: None if method == "dry run" else tell(kind, name))
    return made(world.cluster.kubeconfig)


def test_what_brings_people_there_comes_when_all_are_there(world):
    written = []

    def tell(kind, name):
        if kind == "Ingress":
            written.append(f"{world.get('Deployment', 'web')['status'].get('availableReplicas', 0)} available")
        written.append(kind)

    release = world.release(file="serves", port=8080, domain=["shop.test"])
    ended = world.carried(release, telling(world, tell))
    assert ended.status == "succeeded", ended.reason
    in_order = list(dict.fromkeys(written))
    assert in_order == ["Namespace", "Secret", "Service", "Deployment", "1 available", "Ingress"]


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
    ended = world.worker(rollout, gone(world.cluster.kubeconfig)).end()
    assert (ended.status, ended.cause) == ("failed", "cluster_unavailable")
    assert "did not answer for a day" in ended.reason and "Nothing that runs was changed" in ended.reason
