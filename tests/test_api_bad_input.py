"""Nothing that a client sends makes a 5xx, and every refusal has the one form."""

import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from releases import actions, policy
from releases.api import api
from releases.models import App, Person, Token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cluster_row")]


@pytest.fixture
def client() -> Client:
    actions.create_app("shop", by=policy.SYSTEM)
    ann = Person.objects.create_person("ann", role=Person.ADMINISTRATOR)
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


def refused(answer: Any, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.content
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "reasons"}
    assert error["code"] and error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"name"',
        b"{}",
        b'{"name": 3}',
        b'{"name": null}',
        b'{"name": "x", "extra": 1}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": ' + b"9" * 6000 + b"}",
        b"[" * 100_000,
        b'{"name": "' + b"a" * 100_000 + b'"}',
        '{"name": "ärger"}'.encode(),
        b'{"name": "-"}',
        b'{"name": ""}',
    ],
)
def test_bodies_that_are_no_app(client: Client, body: bytes) -> None:
    refused(client.post("/api/apps", body, content_type="application/json"), 400, 422)
    assert App.objects.count() == 1


@pytest.mark.parametrize(
    "path",
    [
        "apps/%00",
        "apps/%ff%fe",
        "apps/" + "a" * 5000,
        "apps/nope",
        "apps/shop/builds/%00",
        "apps/shop/releases/RNOSUCHONES",
        "apps/shop/rollouts/0",
        "apps/shop/rollouts/" + "9" * 400,
        "apps/shop/releases?cursor=%00",
        "apps/shop/builds?cursor=BNOSUCHONES",
        "nowhere",
        "apps/shop/nowhere",
    ],
)
def test_what_is_not_there(client: Client, path: str) -> None:
    refused(client.get(f"/api/{path}"), 404)


@pytest.mark.parametrize(
    "path",
    [
        "apps/shop/rollouts/abc",
        "apps/shop/rollouts/" + "9" * 5000,
        "apps/shop/rollouts/-1/x",
        "apps/shop/rollouts?cursor=" + "9" * 30,
        "apps/shop/rollouts?cursor=-1",
        "apps/shop/builds?limit=0",
        "apps/shop/builds?limit=99999999999999999999",
        "apps/shop/builds?limit=x",
        "apps/shop/releases?status=weird",
        "apps/shop/env?reveal=perhaps",
    ],
)
def test_queries_that_make_no_sense(client: Client, path: str) -> None:
    refused(client.get(f"/api/{path}"), 404, 422)


@pytest.mark.parametrize("count", ["3", 1.5, True, -1, None, 10**30, 1001, [], {}])
def test_scale_takes_a_whole_number(client: Client, count: Any) -> None:
    path = "/api/apps/shop/services/web/scale"
    refused(client.put(path, json.dumps({"count": count}), content_type="application/json"), 422)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"set": {"1A": "x"}},
        {"set": {"A": 1}},
        {"set": {"A": None}},
        {"set": ["A"]},
        {"set": {"A": "a\x00"}},
        {"set": {"PORT": "1"}},
        {"set": {"A": "x" * 70_000}},
        {"set": {"A": "x"}, "unset": ["A"]},
        {"unset": "A"},
        {"set": {"A": "x"}, "stage": 1},
    ],
)
def test_changes_of_variables_that_cant_be(client: Client, change: dict) -> None:
    refused(client.patch("/api/apps/shop/env", json.dumps(change), content_type="application/json"), 422)


def test_uploads_that_are_none(client: Client) -> None:
    path = "/api/apps/shop/builds"
    refused(client.post(path, {"source": "not a file"}), 422)
    refused(client.post(path, b"{}", content_type="application/json"), 422)
    refused(client.post(path, b"[" * 100_000, content_type="application/json"), 400)
    refused(client.post(path, b"garbage", content_type="multipart/form-data"), 400, 422)
    refused(client.post(path, b"garbage", content_type="multipart/form-data; boundary=x"), 400, 422)


@pytest.mark.parametrize("path", ["env", "lock"])
def test_an_app_that_is_deleted_in_that_moment_is_not_there(client: Client, path: str) -> None:
    """After it was found, and before it is locked."""
    left = ["it is there"]

    def deleting(execute: Any, sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if left and sql.startswith("SELECT") and 'FROM "releases_app"' in sql:
            left.clear()
            App.objects.all().delete()
        return found

    with connection.execute_wrapper(deleting):
        body = {"env": {"variables": {"A": "b"}}, "lock": {"reason": "It is being moved"}}[path]
        answer = client.put(f"/api/apps/shop/{path}", json.dumps(body), content_type="application/json")
    refused(answer, 404)
    assert not left


def test_an_unknown_method_is_405_in_our_form(client: Client) -> None:
    answer = client.put("/api/apps")
    refused(answer, 405)
    assert set(answer["Allow"].split(", ")) >= {"GET", "POST"}


def test_a_database_that_stays_locked_is_503_to_be_tried_again(rf: Any) -> None:
    answer = api.on_exception(rf.get("/api/apps"), OperationalError("database is locked"))
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


def test_every_operation_declares_what_it_may_answer(client: Client) -> None:
    schema = client.get("/api/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            answers = set(operation["responses"])
            assert {"401", "403", "422", "503"} <= answers, (method, path)
            assert ("404" in answers) == ("{" in path), (method, path)


def test_the_documentation_page_needs_no_other_host(client: Client) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert b"//cdn." not in page.content
