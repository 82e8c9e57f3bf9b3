"""A release of a manifest that uses every key: there, changed, failed and back, rolled back, and taken down."""

import pytest

from releases import actions, policy
from releases.errors import Refused
from releases.models import App, Rollout
from releases.pipeline import applying, manifests
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)
WRITTEN = ["PersistentVolumeClaim", "Service", "Deployment", *manifests.LATE]


def named(world):
    """Kind → the names of what is ours."""
    return {kind: world.names(kind) for kind in WRITTEN}


def differing(world, release):
    """What of the release's objects an apply would change now."""
    rollout = Rollout.objects.filter(release=release, status="succeeded").latest("number")
    pen = applying.Writer(world.cluster, world.namespace, "local", stamp=(99, 1))
    return [applying.written.words(obj) for obj in rollout.objects_applied if pen.would_change(obj)]


def secrets_named(obj):
    return str(obj["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["envFrom"])


def test_it_promotes_updates_fails_and_comes_back_and_is_rolled_back(world, every_key):
    first = every_key(watched=True)
    ended = world.carried(first)
    assert ended.status == "succeeded", ended.reason
    assert "Scaled to 0, so not verified: cache." in ended.reason
    there = named(world)
    assert there == {
        "PersistentVolumeClaim": {"worker-data"},
        "Service": {"web", "cache"},
        "Deployment": {"web", "worker", "cache"},
        "CronJob": {"nightly"},
        "Ingress": {"web"},
        "HorizontalPodAutoscaler": {"web"},
        "PodDisruptionBudget": {"web", "worker", "cache"},
    }
    assert world.running() == [("web", first.pk)] * 2 + [("worker", first.pk)]
    assert differing(world, first) == []
    volume = world.get("PersistentVolumeClaim", "worker-data")["metadata"]["uid"]

    second = every_key(MOTTO="swift")
    ended = world.carried(second)
    assert ended.status == "succeeded", ended.reason
    assert "worker has a volume: its process stops before the next one starts." in world.log(ended)
    assert world.running() == [("web", second.pk)] * 2 + [("worker", second.pk)]
    assert manifests.secret_name(second.pk) in secrets_named(world.get("CronJob", "nightly"))

    ended = world.carried(every_key(broken=True))
    assert (ended.status, ended.cause) == ("rolled_back", "exits"), ended.reason
    assert world.running() == [("web", second.pk)] * 2 + [("worker", second.pk)]
    assert named(world) == there and differing(world, second) == []

    rollout = actions.rollback(first, by=policy.SYSTEM)
    ended = world.worker(Rollout.objects.get(pk=rollout.pk)).end()
    assert ended.status == "succeeded", ended.reason
    back = App.objects.get(pk=world.app.pk).active_release
    assert back.rolled_back_to == first
    assert world.running() == [("web", back.pk)] * 2 + [("worker", back.pk)]
    assert named(world) == there and differing(world, back) == []
    assert world.get("PersistentVolumeClaim", "worker-data")["metadata"]["uid"] == volume


def test_a_first_release_that_fails_at_the_very_end_is_taken_down_but_for_its_volume(world, every_key, process):
    words = 'admission webhook "budgets" denied the request: no budgets here'
    no = refusing(lambda how, kind, name: (how, kind) == ("apply", "PodDisruptionBudget") and raises(Refused(words)))
    ended = world.carried(every_key(), no(process.kubeconfig))
    assert (ended.status, ended.cause) == ("rolled_back", "refused"), ended.reason
    assert words in ended.reason and "Nothing runs: it was the first release." in ended.reason
    left = {kind: names for kind, names in named(world).items() if names}
    assert left == {"PersistentVolumeClaim": {"worker-data"}}
    assert world.running() == [] and world.names("Job") == set()
