"""Deployer's account in the cluster: it has every right that it needs, and the journeys succeed with no other."""

import pytest

from tests.cluster.conftest import World
from tests.cluster.kube import Kube

RBAC = "rbac.authorization.k8s.io"
NOT_GRANTED = [
    ("list", "namespaces", ""),
    ("list", "nodes", ""),
    ("get", "configmaps", ""),
    ("create", "pods", ""),
    ("create", "pods/exec", ""),
    ("create", "serviceaccounts/token", ""),
    ("delete", "persistentvolumeclaims", ""),
    ("update", "deployments", "apps"),
    ("delete", "statefulsets", "apps"),
    ("create", "clusterrolebindings", RBAC),
    ("escalate", "clusterroles", RBAC),
]


def test_the_connection_test_finds_everything_in_order(world: World) -> None:
    answer = world.house.api.post("/clusters/given/test")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["ok"] and result["problem"] == "", result
    assert result["version"].lstrip("v").startswith("1."), result
    shown = world.house.api.get("/clusters/given").json()
    assert (shown["state"], shown["version"]) == ("reachable", result["version"])


def test_deployer_has_no_other_rights_than_those_of_deploy_rbac_yaml(world: World) -> None:
    if world.unrestricted:
        pytest.skip(f"Deployer has all rights of TEST_KUBECONFIG: {world.unrestricted}")
    account = Kube(world.login)
    assert account.may("create", "namespaces") and account.may("patch", "deployments", "apps")
    assert [f"{verb} {resource}" for verb, resource, group in NOT_GRANTED if account.may(verb, resource, group)] == []
