"""What was there before there were rows or columns for it: apps find their cluster, releases what came of them."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from releases.models import App, Cluster, Release
from tests import factories

BEFORE = [("releases", "0002_replace_and_next")]


@pytest.mark.django_db(transaction=True)
def test_existing_apps_live_in_the_cluster_that_there_was_and_releases_know_their_outcome():
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    try:
        before = executor.loader.project_state(BEFORE).apps
        for name in ("shop", "desk"):
            app = before.get_model("releases", "App").objects.create(name=name, by_label="ann")
        tried, never = _releases_of(app, before, ["rolled_back", "succeeded"])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert {(app.name, app.cluster.name) for app in App.objects.all()} == {("shop", "local"), ("desk", "local")}
    row = Cluster.objects.get()
    assert (row.kind, row.is_default, row.state) == ("embedded", True, "unchecked")
    factories.cluster("second")
    assert dict(Release.objects.values_list("id", "outcome")) == {tried: "succeeded", never: ""}


def _releases_of(app, before, statuses):
    """One with a rollout per status, and one that was never rolled out."""
    build = before.get_model("releases", "Build").objects.create(app=app, by_label="ann")
    columns = {"app": app, "build": build, "manifest": {}, "images": {}, "env": {}, "by_label": "ann"}
    made = [before.get_model("releases", "Release").objects.create(**columns) for _ in range(2)]
    for number, status in enumerate(statuses, 1):
        columns = {"app": app, "release": made[0], "number": number, "status": status, "by_label": "ann"}
        before.get_model("releases", "Rollout").objects.create(**columns)
    return [release.pk for release in made]
