"""Releases over the API: found among many, made by hand, compared, read."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from releases import actions, policy
from releases.models import App, AuditEntry, Build, Person, Release, Rollout, Token
from releases.models.build import PULL_REQUEST
from releases.pipeline import deployer_yml
from tests import factories

pytestmark = pytest.mark.django_db
EVERY_KEY = (Path(__file__).parents[1] / "examples/every-key/deployer.yml").read_text()
OLD = """
services:
  web: {command: python app.py, port: 8080, scale: {memory: 256}}
  worker: {command: python worker.py}
"""
NEW = """
services:
  web: {command: python app.py, port: 8080, scale: {memory: 512}, domain: [www.example.com]}
  clock: {command: python clock.py}
"""


@pytest.fixture
def client(db: Any) -> Client:
    ann = factories.person("administrator", "ann")
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


@pytest.fixture
def shop(db: Any) -> App:
    return factories.app("shop")


def send(client: Client, method: str, path: str, document: Any) -> Any:
    return client.generic(method, f"/api/apps/shop{path}", json.dumps(document), content_type="application/json")


def found(client: Client, query: str) -> list[str]:
    answer = client.get(f"/api/apps/shop/releases?{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["items"]]


def test_they_are_found_by_status_build_author_and_words(client: Client, shop: App) -> None:
    ann, bob = Person.objects.get(username="ann"), factories.actor("deployer", "bob")
    broken = factories.release(shop, by=bob, description="build 0123456 Say HELLO")
    factories.rollout(broken, status="rolled_back")
    active = factories.active(shop, by=policy.actor_for(ann, via="token ci"), description="env add:FOO")
    fresh = factories.release(shop, build=active.build, by=policy.automatic("push by ada"), description="100% of_it")
    factories.release(factories.app())
    assert found(client, "") == [fresh.pk, active.pk, broken.pk]
    assert found(client, "status=active") == [active.pk]
    assert found(client, "status=rolled_back") == [broken.pk]
    assert found(client, "status=failed") == []
    assert found(client, f"build={active.build_id.lower()}") == [fresh.pk, active.pk]
    assert found(client, "by=ann") == [active.pk] and found(client, "by=bob") == [broken.pk]
    assert found(client, "by=push by ada") == [fresh.pk] and found(client, "by=nobody") == []
    assert found(client, "search=say hello") == [broken.pk]
    assert found(client, "search=0% of_") == [fresh.pk] and found(client, "search=0_ of") == []
    assert found(client, "by=bob&status=rolled_back&search=hello") == [broken.pk]
    for query in ("status=odd", "build=x", "by=%00", "search=%00", f"search={'x' * 201}"):
        assert client.get(f"/api/apps/shop/releases?{query}").status_code == 422, query


def test_what_is_made_meanwhile_moves_no_page(client: Client, shop: App) -> None:
    made = [factories.release(shop).pk for _ in range(5)][::-1]
    page = client.get("/api/apps/shop/releases?limit=2").json()
    factories.release(shop)
    rest = client.get(f"/api/apps/shop/releases?limit=10&cursor={page['next']}").json()
    assert [row["id"] for row in page["items"] + rest["items"]] == made and rest["next"] is None


def test_a_release_knows_what_came_of_its_last_rollout(client: Client, shop: App) -> None:
    release = factories.release(shop)
    for end in (["cancelled"], ["rolling", "rolling_back", "failed"], ["rolling", "succeeded"]):
        rollout = actions.promote(release, by=policy.SYSTEM)
        assert found(client, "status=queued") == [release.pk]
        for status in end:
            rollout.transition(status)
        release.refresh_from_db()
        assert release.outcome == end[-1]
        assert found(client, f"status={end[-1]}" if end[-1] != "succeeded" else "status=rolling") == (
            [release.pk] if end[-1] != "succeeded" else []
        )
    replaced = actions.promote(release, by=policy.SYSTEM)
    replaced.transition("rolling")
    other = factories.release(shop)
    actions.promote(other, by=policy.SYSTEM, replace=True)
    assert found(client, "status=superseded") == [release.pk] and found(client, "status=queued") == [other.pk]


# --- Made by hand ---------------------------------------------------------------------------------------------------


def test_one_is_made_of_a_build_and_an_environment(client: Client, shop: App) -> None:
    active = factories.active(shop, env={"A": "1", "B": "2", "GONE": "x"})
    App.objects.update(staged={"B": "staged", "GONE": None})
    build = factories.build(shop, manifest=deployer_yml.parse(NEW), images={"web": "w", "clock": "c"}, subject="s")
    made = send(client, "POST", "/releases", {"build": build.pk.lower(), "env": {"set": {"C": "3"}, "unset": ["A"]}})
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["build"], said["status"], said["variables"]) == (build.pk, "", ["B", "C"])
    assert (said["by"], said["rollout"], said["services"]) == ("ann (token tests)", None, ["web", "clock"])
    release = Release.objects.get(pk=said["id"])
    assert release.env == {"B": "staged", "C": "3"} and release.description == build.title
    assert release.manifest == build.manifest and release.images == build.images
    entry = AuditEntry.objects.get(action="create_release")
    assert (entry.subject, entry.detail) == (release.pk, {"build": build.pk, "set": ["C"], "unset": ["A"]})
    active.refresh_from_db()
    assert active.env["A"] == "1"

    wish = {"build": build.pk, "description": "by hand", "promote": True, "note": "for the fair"}
    promoted = send(client, "POST", "/releases", wish).json()
    assert (promoted["description"], promoted["status"], promoted["rollout"]) == ("by hand", "queued", 2)
    assert Rollout.objects.get(number=2, app=shop).note == "for the fair"


def test_what_can_be_no_release_leaves_nothing_behind(client: Client, shop: App) -> None:
    parsed = {"manifest": deployer_yml.parse(NEW), "images": {"web": "w", "clock": "c"}}
    good = factories.build(shop, **parsed)
    running = factories.build(shop, status="running")
    request = factories.build(shop, origin=PULL_REQUEST, **parsed)
    removed = factories.build(shop, **parsed)
    Build.objects.filter(pk=removed.pk).update(images_removed_at=removed.created_at)
    strict = deployer_yml.parse("services: {web: {command: a, environment: [NEEDED]}}")
    needing = factories.build(shop, manifest=strict, images={"web": "w"})
    foreign = factories.build(factories.app())
    for document, status, words in (
        ({"build": running.pk}, 409, "is running: a release is made of a build that succeeded."),
        ({"build": request.pk}, 409, "is of a pull request"),
        ({"build": removed.pk}, 409, "were removed by retention"),
        ({"build": needing.pk, "promote": True}, 409, "NEEDED is required"),
        ({"build": foreign.pk}, 404, "shop has no build"),
        ({"build": "odd"}, 404, "is no ID"),
        ({"build": good.pk, "env": {"set": {"1": "x"}}}, 422, "can't be a variable's name"),
        ({"build": good.pk, "env": {"set": {"A": "x"}, "unset": ["A"]}}, 422, "set and unset at once"),
        ({"build": good.pk, "env": {"set": {"A": "a\x00"}}}, 422, "NUL"),
        ({"build": good.pk, "env": {"set": {f"A{n}": "x" * 60_000 for n in range(20)}}}, 422, "900 KiB"),
        ({"build": good.pk, "environment": {}}, 422, "environment"),
    ):
        answer = send(client, "POST", "/releases", document)
        assert answer.status_code == status and words in answer.json()["error"]["message"], answer.content
    assert Release.objects.count() == 0 and Rollout.objects.count() == 0
    Person.objects.update(role=Person.VIEWER)
    assert send(client, "POST", "/releases", {"build": good.pk}).status_code == 403


# --- What is in them ------------------------------------------------------------------------------------------------


def test_two_are_compared_with_values_masked(client: Client, shop: App) -> None:
    old = factories.active(shop, manifest=OLD, env={"KEPT": "1", "TOKEN": "old-secret", "GONE": "gone-secret"})
    build = factories.build(shop, commit="0123456789abcdef", subject="say hello", dirty=True)
    new = factories.release(shop, manifest=NEW, build=build, env={"KEPT": "1", "TOKEN": "new-secret", "ADDED": "x-y-z"})
    Release.objects.filter(pk=new.pk).update(images={"web": factories.IMAGE, "clock": "local/hello@sha256:2"})
    answer = client.get(f"/api/apps/shop/releases/{new.pk}/diff")
    assert answer.status_code == 200, answer.content
    said, mask = answer.json(), "********"
    assert (said["release"], said["with"]) == (new.pk, old.pk)
    assert said["build"]["after"] == {
        "id": build.pk,
        "commit": "0123456789abcdef",
        "subject": "say hello",
        "description": "",
        "dirty": True,
    }
    assert said["build"]["before"]["id"] == old.build_id
    assert said["variables"] == [
        {"name": "ADDED", "change": "added", "before": None, "after": mask},
        {"name": "TOKEN", "change": "changed", "before": mask, "after": mask},
        {"name": "GONE", "change": "removed", "before": mask, "after": None},
    ]
    assert b"secret" not in answer.content and b"x-y-z" not in answer.content
    assert said["images"] == [
        {"service": "clock", "before": None, "after": "local/hello@sha256:2"},
        {"service": "worker", "before": factories.IMAGE, "after": None},
    ]
    told = {(each["where"], each["key"]): (each["before"], each["after"]) for each in said["manifest"]}
    assert told["web", "scale memory"] == (256, 512) and told["web", "domain"] == (None, ["www.example.com"])
    assert told["clock", ""][0] is None and told["worker", ""][1] is None
    assert "-      memory: 256" in said["manifest_lines"] and "+      memory: 512" in said["manifest_lines"]

    back = client.get(f"/api/apps/shop/releases/{old.pk}/diff?with={new.pk.lower()}").json()
    assert [each["change"] for each in back["variables"]] == ["added", "changed", "removed"]
    same = client.get(f"/api/apps/shop/releases/{new.pk}/diff?with={new.pk}").json()
    assert same["build"] is None and not any(same[key] for key in ("variables", "images", "manifest", "manifest_lines"))


def test_what_can_not_be_compared(client: Client, shop: App) -> None:
    release, foreign = factories.release(shop), factories.release(factories.app())
    path = f"/api/apps/shop/releases/{release.pk}/diff"
    assert client.get(path).status_code == 422
    for other in (foreign.pk, "odd", "%00"):
        assert client.get(f"{path}?with={other}").status_code == 404


@pytest.mark.parametrize("text", [OLD, NEW, factories.MANIFEST, EVERY_KEY], ids=["old", "new", "plain", "every key"])
def test_a_manifest_is_shown_as_one_that_says_the_same(client: Client, shop: App, text: str) -> None:
    release = factories.release(shop, manifest=text)
    said = client.get(f"/api/apps/shop/releases/{release.pk}/manifest").json()
    assert (said["release"], said["manifest"]) == (release.pk, release.manifest)
    assert deployer_yml.parse(said["yaml"]) == release.manifest


def test_a_rollout_that_waits_for_nobody_is_not_continued(client: Client, shop: App) -> None:
    rollout = actions.promote(factories.release(shop), by=policy.SYSTEM)
    refused = send(client, "POST", "/rollouts/1/continue", {})
    words = "Rollout 1 does not wait for a person: queued."
    assert (refused.status_code, refused.json()["error"]["message"]) == (409, words)
    rollout.transition("cancelled")
    over = send(client, "POST", "/rollouts/1/continue", {})
    assert over.json()["error"]["message"] == "Rollout 1 is over already: cancelled."
    assert send(client, "POST", "/rollouts/2/continue", {}).status_code == 404


def test_rollouts_are_listed_with_the_same_few_questions_however_many_there_are(client: Client, shop: App) -> None:
    for _ in range(5):
        actions.promote(factories.release(shop), by=policy.SYSTEM, replace=True)
    asked = []
    for limit in (1, 1, 5):  # the first one also notes that the token was used
        with CaptureQueriesContext(connection) as queries:
            found = client.get(f"/api/apps/shop/rollouts?limit={limit}").json()["items"]
        asked.append(len(queries))
    assert [(row["number"], row["replaces"]) for row in found] == [(5, 4), (4, 3), (3, 2), (2, 1), (1, None)]
    assert asked[1] == asked[2], asked
    assert client.get("/api/apps/shop/rollouts/5").json()["replaces"] == 4


def test_an_app_gets_another_registry(client: Client, shop: App) -> None:
    actions.create_registry("eu", by=policy.SYSTEM, address="registry.example.com/eu")
    assert send(client, "PATCH", "", {}).json()["registry"] is None
    assert send(client, "PATCH", "", {"registry": "eu"}).json()["registry"] == "eu"
    assert send(client, "PATCH", "", {"registry": "gone"}).status_code == 422
    assert send(client, "PATCH", "", {"name": "other"}).status_code == 422
    assert send(client, "PATCH", "", {"registry": ""}).json()["registry"] is None
