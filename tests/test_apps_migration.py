"""Releases get what came of them, apps what was their sources', tokens what they could do; and back again."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from releases.models import App, Release, Token

BEFORE = [("releases", "0006_retention")]
SERVICE = {"environment": {}}


def migrated(targets):
    """The models as they are then."""
    executor = MigrationExecutor(connection)
    return executor.migrate(targets).apps


@pytest.mark.django_db(transaction=True)
def test_what_was_known_before_is_known_afterwards_wherever_it_is_kept():
    now = timezone.now()
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        old = migrated(BEFORE)

        def create(model, **columns):
            return old.get_model("releases", model).objects.create(**columns)

        ann = create("Person", username="ann", role="deployer")
        create("Token", person=ann, name="laptop", prefix="0a1b2c3d4e", digest="0" * 64)
        by = {"by": ann, "by_label": "ann"}
        cluster = create("Cluster", name="local", by_label="ann")
        shop = create("App", name="shop", cluster=cluster, rollouts_made=3, **by)
        create("App", name="blog", cluster=cluster, rollouts_made=3, **by)
        stopped = {"stopped_at": now, "stopped_by": "ann", "stopped_why": "ann went back.", "judged": 2}
        create("Source", app=shop, url="https://git.example/shop.git", branch="main", **stopped, **by)
        build = create("Build", id="BAAAAAAAAAA", app=shop, status="succeeded", **by)
        statuses = {"RAAAAAAAAAA": ["failed", "succeeded"], "RBBBBBBBBBB": ["rolling"], "RCCCCCCCCCC": []}
        number = 0
        for key, ends in statuses.items():
            content = {"manifest": {"services": {"web": SERVICE}, "environment": {}}, "images": {}, "env": {}}
            release = create("Release", id=key, app=shop, build=build, **content, **by)
            for status in ends:
                number += 1
                create("Rollout", app=shop, number=number, release=release, status=status, **by)
        migrated(latest)

        outcomes = dict(Release.objects.order_by("id").values_list("id", "outcome"))
        assert outcomes == {"RAAAAAAAAAA": "succeeded", "RBBBBBBBBBB": "rolling", "RCCCCCCCCCC": ""}
        told = App.objects.order_by("name").values_list("name", "stopped_at", "stopped_by", "stopped_why", "judged")
        assert list(told) == [("blog", None, "", "", 3), ("shop", now, "ann", "ann went back.", 2)]
        token = Token.objects.get()
        assert token.all_apps and Token.ADMIN in token.scopes

        source = migrated(BEFORE).get_model("releases", "Source").objects.get()
        assert (source.stopped_at, source.stopped_why, source.judged) == (now, "ann went back.", 2)
    finally:
        migrated(latest)
