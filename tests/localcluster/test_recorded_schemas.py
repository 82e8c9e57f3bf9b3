"""Every object that is served fits the recorded OpenAPI documents, strictly: no unknown field, right types, nothing
missing."""

import json
from typing import Any

import pytest

from localcluster.store.resources import KINDS, Kind
from tests.localcluster.conftest import Cluster, eventually
from tests.localcluster.recorded_schemas import faults
from tests.localcluster.rich_objects import rich

SHAPES = {
    "merge-patch": {"metadata": {"annotations": {"a": "merged"}}},
    "strategic-merge-patch": {"metadata": {"annotations": {"b": "merged"}}},
    "json-patch": [{"op": "add", "path": "/metadata/annotations/c", "value": "added"}],
    "apply-patch": {"metadata": {"annotations": {"d": "applied"}}},
}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.fixture(scope="module")
def image(cluster: Cluster) -> str:
    """An image whose process waits until it is ended."""
    digest = "5" * 64
    folder = cluster.folder / "images" / digest
    (folder / "root" / "app").mkdir(parents=True)
    content = {"command": ["sleep", "600"], "env": {}, "workdir": "."}
    (folder / "image.json").write_text(json.dumps(content))
    return f"local/web@sha256:{digest}"


def checked(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    assert faults(answer.json()) == [], answer.text
    return answer.json()


def answered(answer: Any) -> Any:
    """The answer, but None for a conflict."""
    return None if answer.status_code == 409 else answer


def address(kind: Kind, namespace: str) -> str:
    return f"{kind.prefix}/namespaces/{namespace}/{kind.plural}" if kind.namespaced else f"{kind.prefix}/{kind.plural}"


def patched(api: Any, url: str, form: str, kind: Kind) -> Any:
    body: Any = SHAPES[form]
    if form == "apply-patch":
        body = {**body, "kind": kind.kind, "apiVersion": kind.api_version}
    suffix = "yaml" if form == "apply-patch" else "json"
    headers = {"content-type": f"application/{form}+{suffix}"}
    return api.patch(f"{url}?fieldManager=schemas", json=body, headers=headers)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_object_of_each_kind_fits(api: Any, namespace: str, name: str) -> None:
    kind = KINDS[name]
    url = address(kind, namespace)
    own = f"rich-{namespace}" if not kind.namespaced else "rich"
    body = rich(name, own, namespace)
    strict = f"{url}?fieldValidation=Strict&fieldManager=schemas"
    checked(api.post(f"{strict}&dryRun=All", json=body), 201)
    created = checked(api.post(strict, json=body), 201)
    assert created["metadata"]["managedFields"][0]["manager"] == "schemas"
    one = f"{url}/{own}"
    for form in SHAPES:
        checked(patched(api, one, form, kind))
    # controllers write too: a replace of what has just been read goes through sooner or later
    checked(eventually(lambda: answered(api.put(one, json=api.get(one).json()))))
    meta = {**created["metadata"], "resourceVersion": None, "managedFields": None}
    checked(api.get(one))
    checked(api.get(one, headers={"accept": TABLE}))
    checked(api.get(one, headers={"accept": PARTIAL}))
    for accept in ("application/json", TABLE, PARTIAL_LIST):
        checked(api.get(url, headers={"accept": accept}))
    for part in ("status", "scale"):
        if part in kind.subresources:
            found = checked(api.get(f"{one}/{part}"))
            checked(api.put(f"{one}/{part}", json={**found, "metadata": {**meta, "managedFields": None}}))
    checked(api.delete(one))


def test_what_runs_fits_all_the_time(api: Any, namespace: str, image: str) -> None:
    """Objects of all kinds as the controllers change them: every event of every watch."""
    version = api.get(f"/api/v1/namespaces/{namespace}/pods").json()["metadata"]["resourceVersion"]
    template = rich("Deployment", "web", namespace)
    del template["spec"]["template"]["spec"]["nodeSelector"]
    for part in ("containers", "initContainers"):
        for container in template["spec"]["template"]["spec"][part]:
            container["image"] = image
    apps = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    checked(api.post(apps, json=template), 201)
    eventually(lambda: api.get(f"{apps}/web").json()["status"].get("replicas"))
    checked(api.get(f"{apps}/web/scale"))
    api.delete(f"{apps}/web")
    eventually(lambda: not api.get(f"/api/v1/namespaces/{namespace}/pods").json()["items"])
    seen = set()
    for kind in KINDS.values():
        url = address(kind, namespace)
        events = api.get(f"{url}?watch=true&resourceVersion={version}&timeoutSeconds=1").text.splitlines()
        for event in map(json.loads, events):
            assert faults(event["object"]) == [], event
            seen.add((kind.kind, event["type"]))
    assert {("Pod", "MODIFIED"), ("ReplicaSet", "DELETED"), ("Event", "ADDED"), ("Deployment", "MODIFIED")} <= seen


@pytest.mark.parametrize(
    "url",
    ["/api/v1/namespaces/none", "/apis/apps/v1/nothing", "/api/v1/pods?limit=x", "/api/v1/pods?resourceVersion=x"],
)
def test_refusals_fit(api: Any, url: str) -> None:
    answer = api.get(url)
    assert answer.status_code >= 400
    assert faults(answer.json()) == []


def test_discovery_fits(api: Any) -> None:
    for path in ("/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/autoscaling/v2", "/apis/policy/v1"):
        body = api.get(path).json()
        assert faults({**body, "apiVersion": "v1"}) == [], path
