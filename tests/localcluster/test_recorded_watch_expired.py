"""What a real API server says of versions that are too old, too new or none (`watch-expired.jsonl`)."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.localcluster.conftest import Cluster, config_map, eventually
from tests.localcluster.differences import ANSWERS
from tests.localcluster.recorded_answers import body, headers, plain, recorded, send, without
from tests.ports import free_port

RECORDED = {entry["name"]: entry for entry in recorded("watch-expired.jsonl")}
PODS = "/api/v1/namespaces/errors/pods"
AGES = {"6354": 0, "1006357": 1_000_000}
"""Recorded versions, and how far they were from the present one."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A cluster that has been restarted, and so knows no old versions, with a pod that waits for ever."""
    cluster = Cluster(tmp_path_factory.mktemp("expired"), free_port(), free_port())
    cluster.start()
    with cluster.client() as before:
        before.post("/api/v1/namespaces", json={"metadata": {"name": "errors"}})
        for number in range(5):
            before.post("/api/v1/namespaces/errors/configmaps", json=config_map(f"c{number}"))
        huge = {"name": "c", "image": "none", "resources": {"requests": {"cpu": "10000"}}}
        pod = {"metadata": {"name": "noimg"}, "spec": {"containers": [huge]}}
        assert before.post(PODS, json=pod).status_code == 201
        eventually(lambda: before.get(f"{PODS}/noimg").json()["status"].get("conditions"))
    cluster.stop()
    cluster.start()
    with cluster.client() as after:
        yield after
    cluster.stop()


def _present(api: httpx.Client) -> int:
    return int(api.get(PODS).json()["metadata"]["resourceVersion"])


def _request(api: httpx.Client, entry: dict[str, Any]) -> dict[str, Any]:
    """The recorded request, its versions moved to where ours are."""
    path = entry["request"]["path"]
    for version, age in AGES.items():
        path = path.replace(f"resourceVersion={version}", f"resourceVersion={_present(api) + age}")
    path = path.replace("timeoutSeconds=2", "timeoutSeconds=1").replace("timeoutSeconds=4", "timeoutSeconds=1")
    return {**entry["request"], "path": path}


def _shape(name: str, value: Any) -> Any:
    """An answer without the numbers that can only be those of another cluster."""
    text = json.dumps(plain(without(value, ANSWERS.get(name, {}))))
    return json.loads(re.sub(r"\(\d+\)|current: \d+|\b\d{7}\b", "N", text))


def _kept(events: list[Any]) -> list[Any]:
    """Without the pods that only the recorded cluster had."""
    return [event for event in events if event.get("type") != "ADDED" or event["object"]["metadata"]["name"] == "noimg"]


@pytest.mark.parametrize("name", [name for name, entry in RECORDED.items() if "events" in entry])
def test_a_watch_is_answered_as_by_a_real_server(api: httpx.Client, name: str) -> None:
    entry = RECORDED[name]
    answer = send(api, _request(api, entry))
    assert answer.status_code == entry["status"]
    found = _kept([json.loads(line) for line in answer.text.splitlines()])
    wanted = _kept(entry["events"])
    assert [event.get("type") for event in found] == [event.get("type") for event in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        if theirs.get("type") != "ADDED":
            assert _shape(name, ours) == _shape(name, theirs)


@pytest.mark.parametrize("name", [name for name, entry in RECORDED.items() if "body" in entry])
def test_a_list_is_answered_as_by_a_real_server(api: httpx.Client, name: str) -> None:
    entry = RECORDED[name]
    request = _request(api, entry)
    if name == "list-continue-expired":
        request["path"] = _with_old_token(request["path"])
    answer = send(api, request)
    assert (answer.status_code, headers(answer.headers)) == (entry["status"], headers(entry["headers"]))
    assert _shape(name, body(answer)) == _shape(name, entry["body"])


def _with_old_token(path: str) -> str:
    """The recorded token with a version that is too old here."""
    start, _, token = path.partition("continue=")
    content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))) | {"rv": 1}
    encoded = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{start}continue={encoded}"
