"""A diagnosis over the API: of an app whose cluster is away, and as it was stored with a rollout."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from releases.api.diagnosis import Diagnosis
from releases.models import App, Person, Rollout, Token
from releases.pipeline.diagnosis.process_status import STATUSES
from tests import diagnoses, factories

pytestmark = pytest.mark.django_db
ADDRESS = "/api/apps/shop/diagnosis"


@pytest.fixture
def client() -> Client:
    ann = Person.objects.create_person("ann", role=Person.ADMINISTRATOR)
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


@pytest.fixture
def shop(settings: Any, tmp_path: Any) -> App:
    """In a cluster that nobody reaches, with an active release of `web`."""
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "nowhere")
    shop = factories.app("shop")
    factories.active(shop)
    return shop


def failed(shop: App, **columns: Any) -> Rollout:
    return factories.rollout(factories.release(shop), status="rolled_back", **columns)


def test_that_the_cluster_is_away_is_a_finding_and_no_error(client: Client, shop: App) -> None:
    answer = client.get(ADDRESS)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["app"], found["cluster"], found["healthy"]) == ("shop", "local", False)
    assert found["findings"][0]["code"] == "cluster_unreachable"
    assert found["findings"][0]["hint"] and found["unread"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("service=nope", "shop has no service nope: it has web."),
        ("service=web,%20nope", "shop has no service nope: it has web."),
        ("checks=bogus", "checks: "),
        ("checks=", "checks: "),
        ("age=-1", "age: "),
        ("age=soon", "age: "),
        ("lines=1001", "lines: "),
        ("all=perhaps", "all: "),
    ],
)
def test_what_is_asked_wrongly_is_said(client: Client, shop: App, query: str, words: str) -> None:
    answer = client.get(f"{ADDRESS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(words)


def test_all_that_can_be_asked_for_is_taken(client: Client, shop: App) -> None:
    answer = client.get(
        f"{ADDRESS}?service=web,web&checks=overview,init,services&age=0&lines=0&all=true&events=false&previous=false"
    )
    assert answer.status_code == 200 and answer.json()["events"] == []


def test_who_is_nobody_and_what_is_not_there(client: Client, shop: App) -> None:
    assert Client().get(ADDRESS).status_code == 401
    assert client.get("/api/apps/other/diagnosis").status_code == 404
    elsewhere = Token.issue(Person.objects.get(username="ann"), name="elsewhere", apps=[factories.app("else")])[1]
    assert Client(headers={"Authorization": f"Bearer {elsewhere}"}).get(ADDRESS).status_code == 404


def test_a_rollout_gives_what_was_stored_when_it_failed(client: Client, shop: App) -> None:
    stored = json.loads(json.dumps(replace(diagnoses.many(), at=diagnoses.AT).as_json()))
    rollout = failed(shop, diagnosis=stored)
    answer = client.get(f"/api/apps/shop/rollouts/{rollout.number}/diagnosis")
    assert answer.status_code == 200, answer.content
    assert answer.json() == stored | {"at": "2026-03-18T14:31:10Z"}


@pytest.mark.parametrize(
    ("status", "words"),
    [("rolling", "it runs still"), ("succeeded", "it did not fail"), ("failed", "none was stored when it failed")],
)
def test_without_one_it_says_why(client: Client, shop: App, status: str, words: str) -> None:
    rollout = factories.rollout(factories.release(shop), status=status)
    answer = client.get(f"/api/apps/shop/rollouts/{rollout.number}/diagnosis")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Rollout {rollout.number} of shop has no diagnosis: {words}."


def test_its_schema_has_all_that_a_report_has() -> None:
    schema, report = Diagnosis.model_json_schema(), diagnoses.many().as_json()
    for name, part in {
        "Finding": report["findings"][0],
        "FindingSubject": report["findings"][0]["subject"],
        "ServiceState": report["services"][0],
        "ProcessState": report["processes"][0],
        "InitContainer": report["processes"][-1]["init"][0],
        "ClusterEvent": report["events"][0],
        "ContainerLines": report["findings"][0]["lines"][0],
    }.items():
        assert list(schema["$defs"][name]["properties"]) == schema["$defs"][name]["required"], name
        assert set(schema["$defs"][name]["required"]) == set(part), name
    assert set(schema["required"]) == set(report)
    assert set(schema["$defs"]["ProcessState"]["properties"]["status"]["enum"]) == set(STATUSES)
