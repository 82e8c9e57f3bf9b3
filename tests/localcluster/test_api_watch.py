"""Watches over the wire."""

import json
from contextlib import contextmanager

from tests.localcluster.conftest import config_map

MERGE = {"content-type": "application/merge-patch+json"}


@contextmanager
def watching(api, url, **query):
    """The events of a watch, one by one; the stream ends after a minute whatever happens."""
    with api.stream("GET", url, params={"watch": "true", "timeoutSeconds": "60", **query}) as stream:
        assert stream.status_code == 200
        yield (json.loads(line) for line in stream.iter_lines())


def told(event):
    return event["type"], event["object"]["metadata"]["name"]


def test_a_watch_goes_on_where_a_list_ended(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    api.post(url, json=config_map("old"))
    version = api.get(url).json()["metadata"]["resourceVersion"]
    api.post(url, json=config_map("new"))
    with watching(api, url, resourceVersion=version) as events:
        assert told(next(events)) == ("ADDED", "new")
        api.patch(f"{url}/old", json={"data": {"a": "1"}}, headers=MERGE)
        changed = next(events)
        assert told(changed) == ("MODIFIED", "old") and changed["object"]["data"] == {"a": "1"}
        api.delete(f"{url}/new")
        deleted = next(events)
        assert told(deleted) == ("DELETED", "new")
        assert int(deleted["object"]["metadata"]["resourceVersion"]) > int(version)


def test_a_watch_without_a_version_begins_with_what_is_there(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    api.post(url, json=config_map("here"))
    with watching(api, url) as events:
        assert told(next(events)) == ("ADDED", "here")


def test_an_object_that_leaves_the_selector_is_deleted_for_the_watcher(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    api.post(url, json=config_map("a", {"stage": "test"}))
    with watching(api, url, labelSelector="stage=test") as events:
        assert told(next(events)) == ("ADDED", "a")
        api.post(url, json=config_map("b", {"stage": "live"}))
        left = api.patch(f"{url}/a", json={"metadata": {"labels": {"stage": "live"}}}, headers=MERGE).json()
        gone = next(events)
        assert told(gone) == ("DELETED", "a")
        assert gone["object"]["metadata"]["labels"] == {"stage": "test"}
        assert gone["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        api.patch(f"{url}/b", json={"metadata": {"labels": {"stage": "test"}}}, headers=MERGE)
        assert told(next(events)) == ("ADDED", "b")


def test_a_watch_of_all_namespaces_sees_each(api, namespace):
    version = api.get("/api/v1/configmaps").json()["metadata"]["resourceVersion"]
    with watching(api, "/api/v1/configmaps", resourceVersion=version, fieldSelector="metadata.name=seen") as events:
        api.post(f"/api/v1/namespaces/{namespace}/configmaps", json=config_map("seen"))
        assert next(events)["object"]["metadata"]["namespace"] == namespace


def test_a_version_that_is_forgotten_is_410(own_cluster):
    with own_cluster.client() as before:
        before.post("/api/v1/namespaces/default/configmaps", json=config_map())
    own_cluster.stop()
    own_cluster.start()
    with own_cluster.client() as api:
        assert api.get("/api/v1/namespaces/default/configmaps/settings").status_code == 200
        with watching(api, "/api/v1/pods", resourceVersion="1") as events:
            event = next(events)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert event["object"]["message"].startswith("too old resource version: 1 (")
        exact = api.get("/api/v1/pods?resourceVersion=1&resourceVersionMatch=Exact")
        assert (exact.status_code, exact.json()["reason"]) == (410, "Expired")


def test_versions_that_are_not_yet_or_never_were(api):
    future = api.get("/api/v1/pods?resourceVersion=99999999")
    assert future.status_code == 504 and future.headers["retry-after"] == "1"
    assert api.get("/api/v1/pods?watch=1&resourceVersion=99999999&timeoutSeconds=1").text == ""
    assert api.get("/api/v1/pods?watch=1&resourceVersion=abc").status_code == 500


def test_the_end_of_what_is_there_is_a_bookmark(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    version = int(api.post(url, json=config_map("here")).json()["metadata"]["resourceVersion"])
    with watching(api, url, allowWatchBookmarks="true", fieldSelector="metadata.name=here") as events:
        assert told(next(events)) == ("ADDED", "here")
        bookmark = next(events)
    assert bookmark["type"] == "BOOKMARK" and bookmark["object"]["kind"] == "ConfigMap"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= version
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_state_survives_being_killed_and_open_watches_do_not_hold_up_the_end(own_cluster):
    with own_cluster.client() as api:
        made = api.post("/api/v1/namespaces/default/configmaps", json=config_map(a="1")).json()
        own_cluster.stop(kill=True)
    own_cluster.start()
    with own_cluster.client() as api:
        assert api.get("/api/v1/namespaces/default/configmaps/settings").json() == made
        with watching(api, "/api/v1/pods"):
            assert own_cluster.stop() == 0
