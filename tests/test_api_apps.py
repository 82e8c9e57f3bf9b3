"""Apps, builds, releases, rollouts and variables over the API, with a worker's part played by the test."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from releases import actions, policy
from releases.models import App, Person, Release, Rollout, Token
from releases.pipeline.build import Result
from tests.web_server import MANIFEST

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cluster_row")]
SOURCE = b"\x1f\x8b" + b"\x00" * 20


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Any) -> None:
    settings.DEPLOYER_UPLOADS = str(tmp_path)


@pytest.fixture
def client() -> Client:
    ann = Person.objects.create_person("ann", role=Person.ADMINISTRATOR)
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


@pytest.fixture
def app() -> App:
    return actions.create_app("shop", by=policy.SYSTEM)


def send(client: Client, method: str, path: str, document: Any) -> Any:
    return client.generic(method, path, json.dumps(document), content_type="application/json")


def upload(client: Client, **fields: str) -> Any:
    source = BytesIO(SOURCE)
    source.name = "source.tar.gz"
    return client.post("/api/apps/shop/builds", {"source": source, **fields})


def built(app: App, manifest: dict = MANIFEST) -> Release:
    build = actions.create_build(app, source=BytesIO(SOURCE), by=policy.SYSTEM, description="by hand")
    build.transition("running")
    return actions.finish_build(build, Result(manifest=manifest, images={"web": "local/shop@sha256:1"}))


def rolled_out(release: Release, status: str = "succeeded") -> Rollout:
    rollout = actions.promote(release, by=policy.SYSTEM)
    rollout.transition("rolling")
    if status == "rolled_back":
        rollout.transition("rolling_back")
    rollout.transition(status)
    if status == "succeeded":
        App.objects.filter(pk=release.app_id).update(active_release=release)
    return rollout


def test_an_app_is_made_shown_listed_and_deleted(client: Client, settings: Any) -> None:
    settings.DEPLOYER_APP_URL = "http://{app}.localhost:8001"
    made = send(client, "POST", "/api/apps", {"name": "shop"})
    assert made.status_code == 201
    info = client.get("/api/apps/shop").json()
    assert info["urls"] == ["http://shop.localhost:8001"]
    assert (info["status"], info["release"], info["rollout"]) == ("Stopped", None, None)
    assert [app["name"] for app in client.get("/api/apps").json()["items"]] == ["shop"]
    unconfirmed = client.delete("/api/apps/shop")
    assert unconfirmed.status_code == 422 and App.objects.exists()


def test_app_info_survives_a_cluster_that_is_away(client: Client, app: App, settings: Any) -> None:
    settings.DEPLOYER_KUBECONFIG = "/nonexistent/kubeconfig"
    rolled_out(built(app))
    info = client.get("/api/apps/shop")
    assert info.status_code == 200
    assert info.json()["processes"] is None and info.json()["cluster"]
    away = client.get("/api/apps/shop/processes")
    assert (away.status_code, away.json()["error"]["code"]) == (503, "cluster_unavailable")
    assert away["Retry-After"]


def test_a_build_is_uploaded_with_what_git_knows(client: Client, app: App) -> None:
    made = upload(client, commit="0123456789abcdef", subject="say hello", dirty="true", promote="true", note="why")
    assert made.status_code == 201
    build = made.json()
    assert build["status"] == "queued" and build["promote"] and build["dirty"]
    assert build["by"] == "ann (token tests)"
    assert client.get(f"/api/apps/shop/builds/{build['id'].lower()}").json() == build
    assert client.get("/api/apps/shop/builds").json()["items"] == [build]
    cancelled = client.post(f"/api/apps/shop/builds/{build['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    again = client.post(f"/api/apps/shop/builds/{build['id']}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


def test_a_build_names_the_release_that_it_made_and_its_first_rollout(client: Client, app: App) -> None:
    release = built(app)
    first, _ = rolled_out(release), rolled_out(release, "rolled_back")
    actions.set_env(app, by=policy.SYSTEM, set={"A": "b"}, unset=[])  # a younger release of the same build
    build = client.get(f"/api/apps/shop/builds/{release.build_id}").json()
    assert (build["release"], build["rollout"]) == (release.pk, first.number)


def test_what_is_said_of_releases(client: Client, app: App) -> None:
    former, active, broken, fresh = (built(app) for _ in range(4))
    rolled_out(former)
    rolled_out(active)
    rolled_out(broken, "rolled_back")
    said = {row["id"]: row["status"] for row in client.get("/api/apps/shop/releases").json()["items"]}
    assert said == {former.pk: "", active.pk: "active", broken.pk: "rolled_back", fresh.pk: ""}
    only = client.get("/api/apps/shop/releases?status=rolled_back").json()["items"]
    assert [row["id"] for row in only] == [broken.pk]


def test_pages_of_releases_are_whole_and_cost_the_same(
    client: Client, app: App, django_assert_max_num_queries: Any
) -> None:
    made = [built(app).pk for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    for _ in range(4):
        with django_assert_max_num_queries(6):
            page = client.get(f"/api/apps/shop/releases?limit=2&cursor={cursor}").json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert seen == made[::-1]
    assert cursor is None


def test_promote_says_201_then_409_with_the_reason(client: Client, app: App) -> None:
    release = built(app)
    path = f"/api/apps/shop/releases/{release.pk}/promote"
    started = send(client, "POST", path, {"note": "the fix"})
    assert started.status_code == 201
    assert (started.json()["number"], started.json()["note"], started.json()["app"]) == (1, "the fix", "shop")
    refused = send(client, "POST", path, {})
    assert refused.status_code == 409
    [reason] = refused.json()["error"]["reasons"]
    assert reason.startswith(f"Rollout 1 of shop ({release.pk}) is still running.") and "`--replace`" in reason
    assert client.get("/api/apps/shop").json()["rollout"] == {"number": 1, "status": "queued", "release": release.pk}
    assert client.get("/api/apps").json()["items"][0]["status"] == "Pending"
    aborted = client.post("/api/apps/shop/rollouts/1/abort").json()
    assert aborted["status"] == "cancelled"
    assert client.post("/api/apps/shop/rollouts/1/abort").status_code == 409


def test_rollback_gives_the_copy_and_its_rollout(client: Client, app: App) -> None:
    old, new = built(app), built(app)
    rolled_out(old)
    rolled_out(new)
    made = client.generic("POST", f"/api/apps/shop/releases/{old.pk}/rollback")
    assert made.status_code == 201
    copy, rollout = made.json()["release"], made.json()["rollout"]
    assert copy["rolled_back_to"] == old.pk and copy["build"] == old.build_id
    assert (rollout["release"], rollout["kind"], rollout["previous"]) == (copy["id"], "rollback", new.pk)


def test_values_are_masked_unless_asked_for_with_the_right(client: Client, app: App) -> None:
    rolled_out(built(app))
    changed = send(client, "PATCH", "/api/apps/shop/env", {"set": {"TOKEN": "very-secret"}, "stage": True}).json()
    assert changed["rollout"] is None and changed["staged"] == ["TOKEN"]
    assert client.get("/api/apps/shop/env").json()["staged"] == [{"name": "TOKEN", "change": "set"}]
    rolled_out(Release.objects.get(pk=changed["release"]))
    masked = client.get("/api/apps/shop/env")
    assert masked.json()["variables"] == {"TOKEN": "********"} and b"very-secret" not in masked.content
    assert client.get("/api/apps/shop/env?reveal=true").json()["variables"] == {"TOKEN": "very-secret"}
    assert b"very-secret" not in client.get(f"/api/apps/shop/releases/{changed['release']}").content
    Person.objects.update(role=Person.VIEWER)
    assert client.get("/api/apps/shop/env").status_code == 200
    assert client.get("/api/apps/shop/env?reveal=true").status_code == 403


def test_expected_time_is_the_median_of_those_that_succeeded(client: Client, app: App) -> None:
    release = built(app)
    assert [rolled_out(release).number for _ in range(3)] == [1, 2, 3]
    for number, seconds in ((1, 10), (2, 30), (3, 20)):
        rollout = Rollout.objects.get(number=number)
        finished = rollout.created_at.replace(microsecond=0)
        Rollout.objects.filter(number=number).update(
            created_at=finished, finished_at=finished + timedelta(seconds=seconds)
        )
    assert client.get("/api/apps/shop/rollouts/3").json()["expected_seconds"] == 20.0


def test_nothing_of_another_app_is_found_under_this_one(client: Client, app: App) -> None:
    release = built(app)
    rolled_out(release)
    actions.create_app("other", by=policy.SYSTEM)
    for path in (f"releases/{release.pk}", f"builds/{release.build_id}", "rollouts/1", "rollouts/1/log"):
        assert client.get(f"/api/apps/shop/{path}").status_code == 200
        missing = client.get(f"/api/apps/other/{path}")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
