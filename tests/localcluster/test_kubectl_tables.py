"""What `kubectl get` prints of states that take long to come about: pods of another node, whose status is written by
hand."""

from datetime import UTC, datetime, timedelta

import pytest

TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def ago(**time):
    return (datetime.now(UTC) - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ended(code=0, **more):
    return {"terminated": {"exitCode": code, "finishedAt": ago(days=30, hours=1), **more}}


def status(state, *, ready=False, restarts=0, name="main", **more):
    return {"name": name, "state": state, "ready": ready, "restartCount": restarts, "image": "x", "imageID": "", **more}


def waiting(reason):
    return {"waiting": {"reason": reason}}


RUNNING = {"running": {"startedAt": ago(minutes=1)}}
READY = [{"type": "Ready", "status": "True"}]
INITIALIZED = [{"type": "Initialized", "status": "True"}]
FAILED_INIT = [status(ended(1, reason="Error"), name="init", restarts=2, lastState=ended(1))]


@pytest.mark.parametrize(
    ("state", "cells"),
    [
        ({"phase": "Pending"}, ["0/1", "Pending", "0"]),
        ({"containerStatuses": [status(waiting("ContainerCreating"))]}, ["0/1", "ContainerCreating", "0"]),
        ({"containerStatuses": [status(waiting("ImagePullBackOff"))]}, ["0/1", "ImagePullBackOff", "0"]),
        ({"containerStatuses": [status(RUNNING, ready=True)]}, ["1/1", "Running", "0"]),
        ({"containerStatuses": [status(RUNNING)]}, ["0/1", "Running", "0"]),
        (
            {"containerStatuses": [status(waiting("CrashLoopBackOff"), restarts=3, lastState=ended(1))]},
            ["0/1", "CrashLoopBackOff", "3 (30d ago)"],
        ),
        ({"containerStatuses": [status(ended(137, reason="OOMKilled"))]}, ["0/1", "OOMKilled", "0"]),
        ({"containerStatuses": [status(ended(3, reason="Error"))], "phase": "Failed"}, ["0/1", "Error", "0"]),
        ({"containerStatuses": [status(ended(reason="Completed"))], "phase": "Succeeded"}, ["0/1", "Completed", "0"]),
        ({"containerStatuses": [status(ended(4))]}, ["0/1", "ExitCode:4", "0"]),
        ({"containerStatuses": [status(ended(143, signal=15))]}, ["0/1", "Signal:15", "0"]),
        ({"phase": "Failed", "reason": "Evicted"}, ["0/1", "Evicted", "0"]),
        ({"initContainerStatuses": [status(RUNNING, name="init")], "phase": "Pending"}, ["0/1", "Init:0/1", "0"]),
        ({"initContainerStatuses": FAILED_INIT, "phase": "Pending"}, ["0/1", "Init:Error", "2 (30d ago)"]),
        (
            {"initContainerStatuses": [status(waiting("CrashLoopBackOff"), name="init")], "phase": "Pending"},
            ["0/1", "Init:CrashLoopBackOff", "0"],
        ),
        (
            {
                "phase": "Pending",
                "conditions": INITIALIZED,
                "initContainerStatuses": [status(ended(reason="Completed"), name="init", restarts=1)],
                "containerStatuses": [status(waiting("PodInitializing"))],
            },
            ["0/1", "PodInitializing", "0"],
        ),
        (
            {
                "conditions": READY,
                "containerStatuses": [
                    status(ended(reason="Completed")),
                    status(RUNNING, ready=True, name="other"),
                ],
            },
            ["1/1", "Running", "0"],
        ),
    ],
)
def test_the_status_of_a_pod(api, namespace, state, cells):
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"nodeName": "elsewhere", "containers": [{"name": "main", "image": "x"}]}
    if "initContainerStatuses" in state:
        spec["initContainers"] = [{"name": "init", "image": "x"}]
    made = api.post(pods, json={"metadata": {"name": "p"}, "spec": spec})
    assert made.status_code == 201, made.text
    patch = {"content-type": "application/merge-patch+json"}
    wrote = api.patch(f"{pods}/p/status", json={"status": {"phase": "Running", **state}}, headers=patch)
    assert wrote.status_code == 200, wrote.text
    assert api.get(f"{pods}/p", headers=TABLE).json()["rows"][0]["cells"][1:4] == cells


def test_a_pod_that_is_deleted_is_terminating(api, namespace):
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"nodeName": "elsewhere", "containers": [{"name": "main", "image": "x"}]}
    api.post(pods, json={"metadata": {"name": "p", "finalizers": ["example.com/stay"]}, "spec": spec})
    api.delete(f"{pods}/p")
    assert api.get(f"{pods}/p", headers=TABLE).json()["rows"][0]["cells"][2] == "Terminating"
    patch = {"content-type": "application/merge-patch+json"}
    api.patch(f"{pods}/p", json={"metadata": {"finalizers": None}}, headers=patch)
    api.delete(f"{pods}/p?gracePeriodSeconds=0")


def test_columns_have_priorities_and_rows_their_objects(api, namespace):
    api.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "c"}, "data": {"a": "1"}})
    found = api.get(f"/api/v1/namespaces/{namespace}/configmaps?fieldSelector=metadata.name%3Dc", headers=TABLE).json()
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [(c["name"], c["format"]) for c in found["columnDefinitions"]] == [
        ("Name", "name"),
        ("Data", ""),
        ("Age", ""),
    ]
    (row,) = found["rows"]
    assert row["cells"][:2] == ["c", 1]
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "c")
    wide = {c["name"] for c in api.get("/api/v1/nodes", headers=TABLE).json()["columnDefinitions"] if c["priority"]}
    assert wide == {"Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"}
