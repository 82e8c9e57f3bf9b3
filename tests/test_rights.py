"""The rights that Deployer needs: the table, what `deploy/rbac.yaml` grants, and the authorizer that tests go through.

That no call needs more, and that nothing is granted in vain, is in `tests/engine/test_engine_rights.py`.
"""

import asyncio
import ssl
from typing import Any

import kubernetes_validate
import pytest
import yaml

from releases.clients.cluster import RESOURCES
from releases.pipeline import rights
from tests.authorizing import RBAC, Authorizer, asked_by, granted, right_of
from tests.faults.exchange import Request
from tests.kubernetes_schemas import VERSIONS
from tests.localcluster.recorded_answers import recorded
from tests.web_server import ROOT

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
RECORDED = {entry["name"]: entry for entry in recorded("errors.jsonl")}
RECORDED_REFUSALS = [name for name in RECORDED if name.startswith("403-sa-")]


def table() -> list[tuple[str, str, str]]:
    return [
        (question.group, "/".join(filter(None, (question.resource, question.subresource))), question.verb)
        for question in rights.questions()
    ]


def request(method: str, target: str, **headers: str) -> Request:
    return Request(method, target, headers, b"")


def test_the_roles_grant_what_the_table_says_and_nothing_else():
    assert set(table()) == granted()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_takes_the_file(version: str):
    documents = list(yaml.safe_load_all(RBAC.read_text()))
    assert [one["kind"] for one in documents] == ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    for one in documents:
        kubernetes_validate.validate(one, version, strict=True)


def test_the_table_says_nothing_twice_and_says_why():
    assert len(table()) == len(set(table()))
    assert all(right.why.endswith(".") for right in rights.RIGHTS)


def test_every_kind_that_the_client_knows_is_in_the_table():
    kinds = {
        (resource.api.split("/")[1] if resource.api != "api/v1" else "", resource.plural)
        for resource in RESOURCES.values()
    }
    assert kinds <= {(group, resource.partition("/")[0]) for group, resource, _ in table()}


def test_a_question_is_asked_in_the_words_of_a_review():
    by_words = {question.words: question.attributes for question in rights.questions()}
    assert by_words["get pods/log"] == {"verb": "get", "resource": "pods", "subresource": "log"}
    assert by_words["create deployments.apps"] == {"verb": "create", "group": "apps", "resource": "deployments"}


# --- The authorizer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDED_REFUSALS)
def test_the_authorizer_refuses_in_the_words_of_a_real_server(name: str, authorizer: Authorizer):
    entry: dict[str, Any] = RECORDED[name]
    asked = request(entry["request"].get("method", "GET"), entry["request"]["path"], **entry["request"]["headers"])
    authorizer.rights = frozenset()  # not even those of every account
    answer = asyncio.run(authorizer.instead(asked))
    assert answer is not None and answer.status == entry["status"] == 403
    wanted = entry["body"]["message"].replace("errors:nobody", "deployer:deployer")
    assert authorizer.refused == [wanted]


@pytest.mark.parametrize(
    ("method", "target", "right"),
    [
        ("GET", "/api/v1/namespaces/deployer-a", ("", "namespaces", "get")),
        ("POST", "/api/v1/namespaces", ("", "namespaces", "create")),
        ("GET", "/api/v1/pods?watch=true&resourceVersion=1", ("", "pods", "watch")),
        ("GET", "/api/v1/namespaces/deployer-a/pods?limit=500", ("", "pods", "list")),
        ("GET", "/api/v1/namespaces/deployer-a/pods/web-1/log?follow=true", ("", "pods/log", "get")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/web?fieldManager=x", ("apps", "deployments", "patch")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/web/scale", ("apps", "deployments/scale", "patch")),
        ("PUT", "/api/v1/namespaces/deployer-a/finalize", ("", "namespaces/finalize", "update")),
        ("DELETE", "/apis/batch/v1/namespaces/a/jobs/release-1", ("batch", "jobs", "delete")),
        ("DELETE", "/apis/batch/v1/namespaces/a/jobs", ("batch", "jobs", "deletecollection")),
    ],
)
def test_a_request_needs_the_right_that_kubernetes_says(method: str, target: str, right: tuple[str, str, str]):
    asked = asked_by(request(method, target))
    assert asked is not None and right_of(asked) == right


def test_what_the_cluster_says_of_itself_needs_no_right():
    assert asked_by(request("GET", "/version")) is None


@pytest.fixture
def authorizer() -> Authorizer:
    """In front of nothing."""
    return Authorizer(granted(), upstream="https://127.0.0.1:1", trust=ssl.create_default_context())


# --- The page -------------------------------------------------------------------------------------------------------


def test_the_page_has_the_table():
    rows = []
    for (group, resource), given in merged().items():
        name = f"{resource}.{group}" if group else resource
        verbs = ", ".join(dict.fromkeys(verb for right in given for verb in right.verbs))
        rows.append(f"| `{name}` | {verbs} | {' '.join(right.why for right in given)} |")
    table = "\n".join(rows)
    assert f"| resource | verbs | why |\n| --- | --- | --- |\n{table}\n\n" in PAGE, table


def merged() -> dict[tuple[str, str], list[rights.Right]]:
    found: dict[tuple[str, str], list[rights.Right]] = {}
    for right in rights.RIGHTS:
        found.setdefault((right.group, right.resource), []).append(right)
    return found
