"""Quotas, budgets, namespaces, owners and endpoints, with pods whose kubelet is the test."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.localcluster.conftest import eventually
from tests.localcluster.machinery_fixtures import World, complete, deployment, story, until
from tests.localcluster.stage import Stage, condition, open_stage, wait_for_pods

DEPLOYMENTS, SETS = "apps/v1/deployments", "apps/v1/replicasets"
BUDGETS, SLICES = "policy/v1/poddisruptionbudgets", "discovery.k8s.io/v1/endpointslices"
SCALERS = "autoscaling/v2/horizontalpodautoscalers"


@pytest.fixture
def stage(api: httpx.Client, namespace: str) -> Iterator[Stage]:
    with open_stage(api, namespace) as found:
        yield found


def deploy(stage: Stage, name: str = "web", *, image: str = "registry.test/main:v1", **spec: Any) -> None:
    pod = stage.pod_spec()
    pod["containers"][0]["image"] = image
    body = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        **spec,
    }
    stage.make(DEPLOYMENTS, {"metadata": {"name": name}, "spec": body})


def run_all(stage: Stage, count: int) -> list[str]:
    """Waits for so many pods and says that they run; gives their names."""
    names = [pod["metadata"]["name"] for pod in wait_for_pods(stage, count)]
    for name in names:
        stage.play(name, "Running")
    return names


def states(stage: Stage, name: str = "web") -> list[tuple[str, str, str]]:
    found = stage.get(DEPLOYMENTS, name)["status"].get("conditions") or []
    return [(item["type"], item["status"], item["reason"]) for item in found]


def test_a_quota_stops_an_update_and_the_deployment_says_so(stage: Stage) -> None:
    deploy(stage, progressDeadlineSeconds=2)
    run_all(stage, 2)
    eventually(lambda: ("Progressing", "True", "NewReplicaSetAvailable") in states(stage))
    stage.make("resourcequotas", {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "2"}}})
    stage.patch(DEPLOYMENTS, "web", {"metadata": {"annotations": {"note": "second"}}})
    template = {"metadata": {"labels": {"app": "web", "version": "2"}}}
    stage.patch(DEPLOYMENTS, "web", {"spec": {"template": template}})
    eventually(lambda: ("Progressing", "False", "ProgressDeadlineExceeded") in states(stage))
    assert states(stage) == [
        ("Available", "True", "MinimumReplicasAvailable"),
        ("ReplicaFailure", "True", "FailedCreate"),
        ("Progressing", "False", "ProgressDeadlineExceeded"),
    ]
    new = next(found for found in stage.list(SETS) if found["metadata"]["labels"].get("version") == "2")
    name = new["metadata"]["name"]
    failure = condition(new, "ReplicaFailure")["message"]
    assert failure.startswith(f'pods "{name}-')
    assert failure.endswith('" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2, limited: pods=2')
    assert condition(stage.get(DEPLOYMENTS, "web"), "ReplicaFailure")["message"] == failure
    assert ("FailedCreate", f"Error creating: {failure}") in stage.reasons(name)
    stage.patch("resourcequotas", "pods", {"spec": {"hard": {"pods": "5"}}})
    eventually(lambda: len(stage.pods()) == 3)
    eventually(lambda: "ReplicaFailure" not in [type_ for type_, _, _ in states(stage)])


def test_a_quota_shows_what_is_used(stage: Stage) -> None:
    hard = {"pods": "5", "requests.cpu": "2", "secrets": "3", "count/deployments.apps": "1"}
    stage.make("resourcequotas", {"metadata": {"name": "all"}, "spec": {"hard": hard}})
    stage.make("pods", {"metadata": {"name": "one"}, "spec": stage.pod_spec(cpu="250m")})
    stage.make("secrets", {"metadata": {"name": "token"}, "stringData": {"a": "b"}})
    wanted = {"pods": "1", "requests.cpu": "250m", "secrets": "1", "count/deployments.apps": "0"}
    eventually(lambda: stage.get("resourcequotas", "all")["status"].get("used") == wanted)
    assert stage.get("resourcequotas", "all")["status"]["hard"] == hard
    stage.play("one", "Succeeded")
    eventually(lambda: stage.get("resourcequotas", "all")["status"]["used"]["pods"] == "0")


def test_a_budget_counts_who_may_go(stage: Stage) -> None:
    deploy(stage, replicas=3)
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    stage.make(BUDGETS, {"metadata": {"name": "web"}, "spec": spec})
    run_all(stage, 3)
    eventually(lambda: stage.get(BUDGETS, "web")["status"]["disruptionsAllowed"] == 1)
    found = stage.get(BUDGETS, "web")["status"]
    assert (found["expectedPods"], found["desiredHealthy"], found["currentHealthy"]) == (3, 2, 3)
    allowed = condition({"status": found}, "DisruptionAllowed")
    assert (allowed["status"], allowed["reason"]) == ("True", "SufficientPods")
    stage.patch(BUDGETS, "web", {"spec": {"maxUnavailable": None, "minAvailable": "100%"}})
    eventually(lambda: stage.get(BUDGETS, "web")["status"]["disruptionsAllowed"] == 0)
    blocked = condition(stage.get(BUDGETS, "web"), "DisruptionAllowed")
    assert (blocked["status"], blocked["reason"]) == ("False", "InsufficientPods")


def test_a_namespace_has_an_account_and_the_authority(stage: Stage) -> None:
    eventually(lambda: stage.find("serviceaccounts", "default"))
    authority = eventually(lambda: stage.find("configmaps", "kube-root-ca.crt"))
    assert authority["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    stage.delete("serviceaccounts", "default")
    eventually(lambda: stage.find("serviceaccounts", "default"))


def test_a_namespace_says_what_keeps_it(api: httpx.Client, stage: Stage) -> None:
    name = f"leaving-{uuid.uuid4().hex[:8]}"
    assert api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    inside = Stage(api, name, stage.node)
    inside.make("configmaps", {"metadata": {"name": "kept", "finalizers": ["example.com/keep"]}})
    assert api.delete(f"/api/v1/namespaces/{name}").json()["status"]["phase"] == "Terminating"

    def remaining() -> dict[str, str]:
        conditions = api.get(f"/api/v1/namespaces/{name}").json()["status"].get("conditions") or []
        return {found["type"]: found["message"] for found in conditions if found["status"] == "True"}

    wanted = {
        "NamespaceContentRemaining": "Some resources are remaining: configmaps. has 1 resource instances",
        "NamespaceFinalizersRemaining": (
            "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances"
        ),
    }
    eventually(lambda: remaining() == wanted)
    inside.patch("configmaps", "kept", {"metadata": {"finalizers": None}})
    eventually(lambda: api.get(f"/api/v1/namespaces/{name}").status_code == 404)


def owned(stage: Stage, name: str, *owners: dict[str, Any], blocks: bool = True) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": blocks,
        }
        for owner in owners
    ]
    return stage.make("configmaps", {"metadata": {"name": name, "ownerReferences": references}})


def test_dependents_go_with_their_last_owner(stage: Stage) -> None:
    first, second = (stage.make("configmaps", {"metadata": {"name": name}}) for name in ("first", "second"))
    owned(stage, "shared", first, second)
    owned(stage, "single", first)
    stage.delete("configmaps", "first")
    eventually(lambda: stage.find("configmaps", "single") is None)
    left = eventually(
        lambda: len(found := stage.get("configmaps", "shared")["metadata"]["ownerReferences"]) == 1 and found
    )
    assert [owner["name"] for owner in left] == ["second"]


def test_an_owner_waits_in_the_foreground_for_those_who_block_it(stage: Stage) -> None:
    owner = stage.make("configmaps", {"metadata": {"name": "owner"}})
    child = owned(stage, "child", owner)
    free = owned(stage, "free", owner, blocks=False)
    for found in (child, free):
        stage.patch("configmaps", found["metadata"]["name"], {"metadata": {"finalizers": ["example.com/keep"]}})
    stage.delete("configmaps", "owner", propagationPolicy="Foreground")
    eventually(lambda: stage.get("configmaps", "child")["metadata"].get("deletionTimestamp"))
    assert stage.get("configmaps", "owner")["metadata"]["finalizers"] == ["foregroundDeletion"]
    stage.patch("configmaps", "child", {"metadata": {"finalizers": None}})
    eventually(lambda: stage.find("configmaps", "owner") is None)
    eventually(lambda: stage.get("configmaps", "free")["metadata"].get("deletionTimestamp"))
    stage.patch("configmaps", "free", {"metadata": {"finalizers": None}})


def test_a_replica_set_adopts_and_lets_go(stage: Stage) -> None:
    stray = {"metadata": {"name": "stray", "labels": {"app": "web"}}, "spec": stage.pod_spec()}
    stage.make("pods", stray)
    template = {"metadata": {"labels": {"app": "web"}}, "spec": stage.pod_spec()}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    stage.make(SETS, {"metadata": {"name": "web"}, "spec": spec})
    wait_for_pods(stage, 2)
    assert stage.get("pods", "stray")["metadata"]["ownerReferences"][0]["name"] == "web"
    stage.patch("pods", "stray", {"metadata": {"labels": {"app": "other"}}})
    wait_for_pods(stage, 3)
    assert "ownerReferences" not in stage.get("pods", "stray")["metadata"]


def test_endpoints_follow_readiness_in_order(stage: Stage) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports}}
    stage.make("services", service)
    stage.make("services", {"metadata": {"name": "away"}, "spec": {"type": "ExternalName", "externalName": "a.test"}})
    empty = eventually(lambda: stage.list(SLICES))[0]
    assert (empty["endpoints"], empty["ports"]) == (None, None)
    deploy(stage)
    names = sorted((pod["metadata"]["name"] for pod in wait_for_pods(stage, 2)), reverse=True)
    for name in names:
        stage.play(name, "Running")
        stage.patch("pods", name, {"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}}, "/status")
        eventually(lambda name=name: name in [found[0] for found in endpoints(stage)])
    assert endpoints(stage) == [(name, True, True, False) for name in names]
    stage.delete("pods", names[0])
    eventually(lambda: endpoints(stage)[0] == (names[0], False, True, True))
    stage.delete("pods", names[0], gracePeriodSeconds=0)
    eventually(lambda: [found[0] for found in endpoints(stage)] == [names[1]])
    assert {found["metadata"]["labels"]["kubernetes.io/service-name"] for found in stage.list(SLICES)} == {"web"}


def endpoints(stage: Stage) -> list[tuple[str, bool, bool, bool]]:
    """Name, ready, serving and terminating of each endpoint."""
    found = [item for slice_ in stage.list(SLICES) for item in slice_["endpoints"] or []]
    return [(item["targetRef"]["name"], *item["conditions"].values()) for item in found]


def scaler(stage: Stage, **spec: Any) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, **spec}
    stage.make(SCALERS, {"metadata": {"name": "web"}, "spec": body})


def test_an_autoscaler_keeps_its_bounds_and_owns_the_size(stage: Stage) -> None:
    deploy(stage, replicas=5)
    scaler(stage)
    eventually(lambda: stage.get(DEPLOYMENTS, "web")["spec"]["replicas"] == 3)
    found = eventually(lambda: stage.get(SCALERS, "web")["status"].get("lastScaleTime") and stage.get(SCALERS, "web"))
    able = condition(found, "AbleToScale")
    assert able["message"] == "the HPA controller was able to update the target scale to 3"
    words = ("SuccessfulRescale", "New size: 3; reason: Current number of replicas above Spec.MaxReplicas")
    assert words in stage.reasons("web")
    apply = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}}
    headers = {"content-type": "application/apply-patch+yaml"}
    path = stage.path(DEPLOYMENTS, "web") + "?fieldManager=deployer"
    refused = stage.api.patch(path, json=apply, headers=headers)
    assert refused.status_code == 409
    assert 'subresource "scale"' in refused.json()["message"]


def test_an_autoscaler_says_that_there_are_no_metrics(stage: Stage) -> None:
    deploy(stage)
    run_all(stage, 2)
    scaler(stage)
    eventually(lambda: condition(stage.get(SCALERS, "web"), "ScalingActive").get("reason") == "FailedGetResourceMetric")
    assert condition(stage.get(SCALERS, "web"), "ScalingActive")["message"] == (
        "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for "
        "resource cpu: no metrics returned from resource metrics API"
    )


@story
async def test_an_autoscaler_follows_the_cpu_that_processes_use(world: World) -> None:
    busy = deployment(world.script("while :; do :; done"), probe=False)
    container = busy["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "10m"}}
    world.apply("Deployment", busy)
    await until(lambda: complete(world))
    aim = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource": aim}]}
    world.apply("HorizontalPodAutoscaler", {"metadata": {"name": "web"}, "spec": spec})
    await until(lambda: world.deployment()["spec"]["replicas"] == 2)
    found = world.store.get("HorizontalPodAutoscaler", world.namespace, "web")
    states = {state["type"]: (state["status"], state["reason"]) for state in found["status"]["conditions"]}
    assert states == {
        "AbleToScale": ("True", "SucceededRescale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("True", "TooManyReplicas"),
    }
    assert found["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"] > 100
    assert "New size: 2; reason: cpu resource utilization (percentage of request) above target" in world.messages()


def test_an_autoscaler_without_a_target(stage: Stage) -> None:
    scaler(stage)
    able = eventually(lambda: condition(stage.get(SCALERS, "web"), "AbleToScale"))
    assert (able["status"], able["reason"]) == ("False", "FailedGetScale")
    assert 'deployments.apps "web" not found' in able["message"]
