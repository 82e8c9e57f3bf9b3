"""What processes run from is kept, whatever the database says of it; and what a silent cluster may run from."""

from datetime import timedelta

import pytest
from django.utils import timezone

from releases import policy
from releases.models import App, Build
from releases.pipeline import operate, retention
from tests import factories
from tests.clusters import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_images_of_processes_stay_until_nothing_runs_from_them(world, settings, tmp_path):
    settings.KEPT_BUILDS, settings.KEPT_RELEASES = 0, 1
    running = world.active("web")
    Build.objects.filter(pk=running.build_id).update(images=running.images)
    # Something else was active since, or so the database believes.
    newer = [factories.release(world.app) for _ in range(2)]
    for release in newer:
        rollout = factories.rollout(release, status="succeeded", previous=newer[0])
    App.objects.filter(pk=world.app.pk).update(active_release=rollout.release)
    Build.objects.update(created_at=timezone.now() - timedelta(days=100))
    assert running.build_id in retention.may_go(world.app, timezone.now()).values_list("pk", flat=True)

    assert retention.let_go(world.app.pk, timezone.now()) == []
    here, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(tmp_path / "none")
    assert retention.let_go(world.app.pk, timezone.now()) == [], "nobody knows what runs"
    settings.DEPLOYER_KUBECONFIG = here
    operate.scale(world.app, "web", 0)
    eventually(lambda: world.running() == [])
    assert retention.let_go(world.app.pk, timezone.now()) == [running.build_id]
    assert policy.refusals("rollback", by=policy.SYSTEM, release=running)
