"""Which node takes a pod, and what is said when none does."""

from collections.abc import Iterator

import httpx
import pytest

from tests.localcluster.conftest import eventually
from tests.localcluster.stage import Stage, bound, condition, open_stage

ELSEWHERE = "1 node(s) didn't match Pod's node affinity/selector"


@pytest.fixture
def stage(api: httpx.Client, namespace: str) -> Iterator[Stage]:
    with open_stage(api, namespace) as found:
        yield found


def pod(stage: Stage, name: str, **spec: object) -> None:
    stage.make("pods", {"metadata": {"name": name}, "spec": stage.pod_spec(**spec)})


def refused(stage: Stage, name: str) -> str:
    found = eventually(lambda: condition(stage.get("pods", name), "PodScheduled"))
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    return str(found["message"])


def test_a_pod_goes_where_its_selector_says_in_one_step(stage: Stage) -> None:
    pod(stage, "one")
    found = eventually(lambda: bound(stage, "one"))
    assert found["spec"]["nodeName"] == stage.node
    assert found["metadata"]["generation"] == 1
    assert condition(found, "PodScheduled")["status"] == "True"
    words = ("Scheduled", f"Successfully assigned {stage.namespace}/one to {stage.node}")
    assert eventually(lambda: stage.reasons("one")) == [words]


def test_a_pod_too_large_for_every_node_waits_until_one_grows(stage: Stage) -> None:
    pod(stage, "big", cpu="1000")
    tail = "0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    message = (
        f"0/2 nodes are available: 1 Insufficient cpu, {ELSEWHERE}. no new claims to deallocate, preemption: {tail}"
    )
    assert refused(stage, "big") == message
    assert stage.reasons("big") == [("FailedScheduling", message)]
    assert condition(stage.get("pods", "big"), "PodScheduled")["observedGeneration"] == 1
    grown = {"status": {"allocatable": {"cpu": "1000"}}}
    headers = {"content-type": "application/merge-patch+json"}
    stage.api.patch(f"/api/v1/nodes/{stage.node}/status", json=grown, headers=headers).raise_for_status()
    eventually(lambda: bound(stage, "big"))


def test_room_is_what_other_pods_leave(stage: Stage) -> None:
    pod(stage, "first", cpu="3")
    eventually(lambda: bound(stage, "first"))
    pod(stage, "second", cpu="1500m")
    assert refused(stage, "second").endswith(
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )
    stage.delete("pods", "first", gracePeriodSeconds=0)
    eventually(lambda: bound(stage, "second"))


def test_taints_and_cordons_keep_pods_away(stage: Stage) -> None:
    node = f"/api/v1/nodes/{stage.node}"
    headers = {"content-type": "application/merge-patch+json"}
    taint = {"key": "dedicated", "value": "build", "effect": "NoSchedule"}
    stage.api.patch(node, json={"spec": {"taints": [taint]}}, headers=headers).raise_for_status()
    pod(stage, "plain")
    assert "1 node(s) had untolerated taint {dedicated: build}" in refused(stage, "plain")
    pod(stage, "tolerant", tolerations=[{"key": "dedicated", "operator": "Exists"}])
    eventually(lambda: bound(stage, "tolerant"))
    stage.api.patch(node, json={"spec": {"taints": None, "unschedulable": True}}, headers=headers).raise_for_status()
    pod(stage, "late")
    assert "1 node(s) were unschedulable" in refused(stage, "late")


def claim(stage: Stage, name: str, mode: str = "ReadWriteOnce") -> None:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    stage.make("persistentvolumeclaims", {"metadata": {"name": name}, "spec": spec})


def volume(name: str) -> list[dict[str, object]]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]


def test_a_claim_is_bound_and_stays_while_a_pod_names_it(stage: Stage) -> None:
    pod(stage, "early", volumes=volume("data"))
    assert 'persistentvolumeclaim "data" not found.' in refused(stage, "early")
    claim(stage, "data")
    eventually(lambda: bound(stage, "early"))
    found = stage.get("persistentvolumeclaims", "data")
    assert found["spec"]["volumeName"] == f"pvc-{found['metadata']['uid']}"
    expected = {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    assert found["status"] == expected
    stage.delete("persistentvolumeclaims", "data")
    assert stage.get("persistentvolumeclaims", "data")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    pod(stage, "late", volumes=volume("data"))
    assert 'persistentvolumeclaim "data" is being deleted.' in refused(stage, "late")
    stage.delete("pods", "early", gracePeriodSeconds=0)
    eventually(lambda: stage.find("persistentvolumeclaims", "data") is None)


def test_a_claim_for_one_pod_is_used_by_one(stage: Stage) -> None:
    claim(stage, "alone", "ReadWriteOncePod")
    pod(stage, "first", volumes=volume("alone"))
    eventually(lambda: bound(stage, "first"))
    pod(stage, "second", volumes=volume("alone"))
    assert "PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod" in refused(
        stage, "second"
    )
    stage.delete("pods", "first", gracePeriodSeconds=0)
    eventually(lambda: bound(stage, "second"))
