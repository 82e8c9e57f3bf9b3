"""Apps that were there before clusters had rows find theirs."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from releases.models import App, Cluster
from tests import factories

BEFORE = [("releases", "0002_replace_and_next")]


@pytest.mark.django_db(transaction=True)
def test_existing_apps_live_in_the_cluster_that_there_was():
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    try:
        before = executor.loader.project_state(BEFORE).apps.get_model("releases", "App")
        for name in ("shop", "desk"):
            before.objects.create(name=name, by_label="ann")
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert {(app.name, app.cluster.name) for app in App.objects.all()} == {("shop", "local"), ("desk", "local")}
    row = Cluster.objects.get()
    assert (row.kind, row.is_default, row.state) == ("embedded", True, "unchecked")
    factories.cluster("second")
