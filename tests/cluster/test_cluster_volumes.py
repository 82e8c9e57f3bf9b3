"""Volumes: what is in them stays, whatever becomes of releases."""

import pytest

from tests.cluster.app import ClusterApp
from tests.cluster.kube import Kube, Object
from tests.cluster.sources import Section, Sources

DEFAULT = "storageclass.kubernetes.io/is-default-class"


@pytest.fixture(autouse=True)
def has_storage(kube: Kube) -> None:
    if not kube.serves("storage.k8s.io/v1") or not kube.may("list", "storageclasses", "storage.k8s.io"):
        return  # it must show whether claims are bound
    classes = kube.list("storageclasses")[0]
    if not any(each["metadata"].get("annotations", {}).get(DEFAULT) == "true" for each in classes):
        pytest.skip("this cluster has no default storage class")


def keeping(sources: Sources, version: str, *, size: int = 1, **section: object) -> Section:
    volume = {"name": "data", "path": "/data", "size": size}
    variables = {"FOLDER": "/data"}
    quick = {"verify": 2}
    return sources.service("keep", version, volumes=[volume], environment=variables, deployment=quick, **section)


def claim(app: ClusterApp) -> Object:
    return app.kube.get("persistentvolumeclaims", app.namespace, "store-data")


def test_data_survives_an_update_and_the_size_stays(app: ClusterApp, sources: Sources) -> None:
    first = app.deployed(sources.source(store=keeping(sources, "v1")))
    assert "version v1 finds v1" in app.words("store", "finds")
    before = claim(app)
    second = app.deployed(sources.source(store=keeping(sources, "v2")))
    assert app.running() == [("store", second)] and first != second
    assert "version v2 finds v1" in app.words("store", "finds")
    rollout = app.carried(sources.source(store=keeping(sources, "v3", size=2)))
    assert rollout["status"] == "failed" and "size" in rollout["reason"], app.story(rollout)
    assert app.running() == [("store", second)]
    after = claim(app)
    assert after["spec"]["resources"] == before["spec"]["resources"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_claim_outlives_the_takedown_of_a_first_release(app: ClusterApp, sources: Sources) -> None:
    bad = keeping(sources, "v1") | {"command": ["/bin/busybox", "sh", "-c", 'echo mine > "$FOLDER/first"; exit 3']}
    rollout = app.carried(sources.source(store=bad))
    assert rollout["status"] != "succeeded" and app.templates() == {}, app.story(rollout)
    assert "deletionTimestamp" not in claim(app)["metadata"]
    app.deployed(sources.source(store=keeping(sources, "v2")))
    assert "version v2 finds mine" in app.words("store", "finds")
