"""The answers of a real API server to 59 requests, most of them refused (`errors.jsonl`): ours say the same.

The requests build on each other, so they are sent once, in the recorded order; each then has its own comparison.
"""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.localcluster.conftest import Cluster, eventually
from tests.localcluster.differences import ANSWERS
from tests.localcluster.recorded_answers import body, headers, plain, recorded, recorded_object, send, without
from tests.ports import free_port

RECORDED = {entry["name"]: entry for entry in recorded("errors.jsonl")}
QUOTAS = "/api/v1/namespaces/errors/resourcequotas"
PODS = "/api/v1/namespaces/errors/pods"
NAMESPACE = "/api/v1/namespaces/errors"
MERGE = {"content-type": "application/merge-patch+json"}
LEVELS = ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn")

Story = dict[str, httpx.Response]


def _has_pods(api: httpx.Client) -> bool:
    return len(api.get(PODS).json()["items"]) == 1


def _with_quota(api: httpx.Client) -> None:
    eventually(lambda: _has_pods(api))
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}
    assert api.post(QUOTAS, json=quota).status_code == 201


def _restricted(api: httpx.Client) -> None:
    assert api.delete(f"{QUOTAS}/q").status_code == 200
    labels = dict.fromkeys(LEVELS, "restricted")
    assert api.patch(NAMESPACE, json={"metadata": {"labels": labels}}, headers=MERGE).status_code == 200


def _unrestricted(api: httpx.Client) -> None:
    labels = dict.fromkeys(LEVELS)
    assert api.patch(NAMESPACE, json={"metadata": {"labels": labels}}, headers=MERGE).status_code == 200


def _terminating(api: httpx.Client) -> None:
    """A namespace that goes on terminating as long as something in it has a finalizer."""
    assert api.post("/api/v1/namespaces", json={"metadata": {"name": "errors-term"}}).status_code == 201
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    assert api.post("/api/v1/namespaces/errors-term/configmaps", json=held).status_code == 201
    assert api.delete("/api/v1/namespaces/errors-term").status_code == 200


def _without_image(api: httpx.Client) -> None:
    container = {"name": "c", "image": "localhost:5005/demo:nope"}
    assert api.post(PODS, json={"metadata": {"name": "noimg"}, "spec": {"containers": [container]}}).status_code == 201

    def waits() -> bool:
        statuses = api.get(f"{PODS}/noimg").json()["status"].get("containerStatuses") or [{}]
        return "waiting" in statuses[0].get("state", {}) and statuses[0]["state"]["waiting"]["reason"] == "ErrImagePull"

    eventually(waits)


BEFORE: dict[str, Callable[[httpx.Client], None]] = {
    "403-exceeded-quota": _with_quota,
    "403-pod-security-restricted": _restricted,
    "403-sa-get-deployment": _unrestricted,
    "403-namespace-terminating": _terminating,
    "400-log-of-waiting-container": _without_image,
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """All answers, by the names of the requests."""
    cluster = Cluster(tmp_path_factory.mktemp("errors"), free_port(), free_port(), backoff=10)
    cluster.start()
    with cluster.client() as api, cluster.client(authorization="") as stranger:
        assert api.post("/api/v1/namespaces", json={"metadata": {"name": "errors"}}).status_code == 201
        yield _told(api, stranger)
    cluster.stop()


def _told(api: httpx.Client, stranger: httpx.Client) -> Story:
    answers: Story = {}
    uid = RECORDED["201-create"]["body"]["metadata"]["uid"]
    for name, entry in RECORDED.items():
        BEFORE.get(name, lambda api: None)(api)
        known = {uid: answers["201-create"].json()["metadata"]["uid"]} if answers else {}
        # who may do nothing is, where there are no roles, who has no token
        nobody = name.startswith("403-sa-") or name == "403-anonymous"
        request = {**entry["request"], "headers": {}} if nobody else entry["request"]
        answers[name] = send(stranger if nobody else api, request, **known)
    return answers


@pytest.mark.parametrize("name", RECORDED)
def test_an_answer_is_that_of_a_real_server(story: Story, name: str) -> None:
    wanted, answer = RECORDED[name], story[name]
    listed = ANSWERS.get(name, {})
    assert (answer.status_code, headers(answer.headers)) == (wanted["status"], headers(wanted["headers"]))
    assert plain(without(body(answer), listed)) == plain(without(wanted["body"], listed))


def test_the_managed_fields_are_those_of_a_real_server(story: Story) -> None:
    listed = ANSWERS["ssa-managedfields"]
    wanted = recorded_object("ssa-managedfields.json")["metadata"]["managedFields"]
    found = story["200-ssa-managedFields"].json()["metadata"]["managedFields"]
    for claims in (found, wanted):
        claims[:] = [claim for claim in claims if claim["manager"] not in listed]
    assert plain(found) == plain(wanted)
