"""What may I do? The local cluster's one user may do everything, and says so as a real API server does."""

from typing import Any

import httpx
import pytest

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
NAMED = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
OF_PODS = {"verb": "watch", "resource": "pods", "namespace": "shop"}


def ask(api: httpx.Client, spec: Any) -> httpx.Response:
    return api.post(REVIEWS, json={**NAMED, "spec": spec})


@pytest.mark.parametrize(
    "spec",
    [{"resourceAttributes": OF_PODS}, {"nonResourceAttributes": {"verb": "get", "path": "/version"}}],
    ids=["of a resource", "of an address"],
)
def test_everything_is_allowed(api, spec):
    answer = ask(api, spec)
    assert answer.status_code == 201
    assert answer.json() == {**NAMED, "metadata": {}, "spec": spec, "status": {"allowed": True}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        ({}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        (
            {"resourceAttributes": OF_PODS, "nonResourceAttributes": {"path": "/"}},
            "cannot be specified in combination with resourceAttributes",
        ),
    ],
    ids=["no question", "about nothing", "about two things"],
)
def test_a_question_is_about_one_thing(api, spec, words):
    answer = ask(api, spec)
    assert answer.status_code == 422 and words in answer.json()["message"]


def test_a_question_of_another_kind_is_refused(api):
    answer = api.post(REVIEWS, json={**NAMED, "kind": "Pod", "spec": {"resourceAttributes": OF_PODS}})
    assert answer.status_code == 400 and answer.json()["message"] == "the body must be a SelfSubjectAccessReview"


def test_questions_are_asked_and_not_listed(api):
    assert api.get(REVIEWS).status_code == 405


def test_the_rules_say_so_too(api):
    kind = {**NAMED, "kind": "SelfSubjectRulesReview"}
    answer = api.post(REVIEWS.replace("access", "rules"), json={**kind, "spec": {"namespace": "shop"}})
    assert answer.status_code == 201
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in answer.json()["status"]["resourceRules"]


def test_discovery_names_them(api):
    listed = api.get("/apis/authorization.k8s.io/v1").json()["resources"]
    assert {(each["name"], each["kind"], *each["verbs"]) for each in listed} == {
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview", "create"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview", "create"),
    }
