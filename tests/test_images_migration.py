"""What builds had made before that was written down has to go one day, too."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from releases.models import Image

BEFORE = [("releases", "0008_domains_and_locks")]
DIGEST = "sha256:" + "1" * 64


@pytest.mark.django_db(transaction=True)
def test_images_of_existing_builds_are_written_down():
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    now = timezone.now()
    try:
        before = executor.loader.project_state(BEFORE).apps
        cluster = before.get_model("releases", "Cluster").objects.create(name="local", by_label="ann")
        app = before.get_model("releases", "App").objects.create(name="shop", by_label="ann", cluster=cluster)

        def build(key: str, image: str, **columns: object) -> None:
            manifest = {"services": {"web": {"image": None}, "db": {"image": f"postgres@{DIGEST}"}}}
            images = {"web": image, "db": f"postgres@{DIGEST}"}
            row = {"manifest": manifest, "images": images, "status": "succeeded", "by_label": "ann", **columns}
            before.get_model("releases", "Build").objects.create(pk=key, app=app, **row)

        build("BPUSHEDAAAA", f"registry.example/team/shop@{DIGEST}")
        build("BFOLDERAAAA", f"local/shop@{DIGEST}", images_removed_at=now)
        build("BREFUSEDAAA", f"r.example/shop@{DIGEST}", images_removed_at=now, images_deleted_at=now, images_note="no")
        build("BGONEAAAAAA", f"local/shop@{DIGEST}", images_removed_at=now, images_deleted_at=now)
        build("BFAILEDAAAA", "", images={}, manifest=None, status="failed")
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    columns = Image.objects.order_by("build").values_list("build", "repository", "tag", "digest", "going_from", "note")
    assert list(columns) == [
        ("BFOLDERAAAA", "local/shop", "", DIGEST, now, ""),
        ("BPUSHEDAAAA", "registry.example/team/shop", "web.BPUSHEDAAAA", DIGEST, None, ""),
        ("BREFUSEDAAA", "r.example/shop", "web.BREFUSEDAAA", DIGEST, now, "no"),
    ]
