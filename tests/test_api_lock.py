"""A locked app: nothing is promoted on any path, pushes wait, and what runs goes on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from releases import actions, jobs, logs, policy
from releases.errors import NotAllowed
from releases.models import App, AuditEntry, Person, Release, Rollout, Token
from releases.pipeline import deployer_yml
from tests import factories
from tests.test_pushes import built
from tests.test_webhooks import source_of

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The database is being moved"


@pytest.fixture
def ann() -> Person:
    return factories.person("deployer", "ann")


@pytest.fixture
def client(ann: Person) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


@pytest.fixture
def shop(db: Any) -> App:
    made = factories.app("shop")
    source_of(made)
    return made


def send(client: Client, method: str, path: str, document: Any = None) -> Any:
    return client.generic(method, f"/api/apps/shop{path}", json.dumps(document or {}), content_type="application/json")


def lock(client: Client, **more: Any) -> Any:
    answer = send(client, "PUT", "/lock", {"reason": WHY, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def assert_refused(answer: Any) -> None:
    assert answer.status_code == 409, answer.content
    reasons = answer.json()["error"]["reasons"]
    assert len(reasons) == 1 and reasons[0].startswith("shop is locked by ann (token tests) since "), reasons
    assert f": {WHY}. " in reasons[0] and "`deployer unlock -a shop`" in reasons[0]


def test_nothing_is_promoted_until_it_is_unlocked_and_nothing_half_done(client: Client, shop: App) -> None:
    build = factories.build(shop, manifest=deployer_yml.parse(factories.MANIFEST), images={"web": factories.IMAGE})
    old = factories.active(shop)
    factories.active(shop, build=build)
    release, count = factories.release(shop), Release.objects.count()
    said = lock(client)
    assert said == {"locked": True, "reason": WHY, "by": "ann (token tests)", "since": said["since"], "until": None}
    assert_refused(send(client, "POST", f"/releases/{release.pk}/promote"))
    assert_refused(send(client, "POST", f"/releases/{release.pk}/promote", {"replace": True}))
    assert_refused(send(client, "POST", f"/releases/{old.pk}/rollback"))
    assert_refused(send(client, "PATCH", "/env", {"set": {"A": "b"}}))
    assert_refused(send(client, "PUT", "/env", {"variables": {"A": "b"}}))
    assert_refused(send(client, "POST", "/releases", {"build": build.pk, "promote": True}))
    assert Release.objects.count() == count and shop.rollouts.count() == 2
    staged = send(client, "PATCH", "/env", {"set": {"A": "b"}, "stage": True})
    assert staged.status_code == 200 and staged.json()["release"]

    assert send(client, "DELETE", "/lock").status_code == 204
    assert send(client, "GET", "/lock").json()["locked"] is False
    again = send(client, "DELETE", "/lock")
    assert again.status_code == 409
    assert again.json()["error"] == {"code": "conflict", "message": "shop is not locked.", "reasons": []}
    assert send(client, "POST", f"/releases/{release.pk}/promote").status_code == 201
    entries = AuditEntry.objects.filter(action__in=("lock", "unlock")).order_by("id")
    assert [(entry.action, entry.by_label, entry.detail["reason"]) for entry in entries] == [
        ("lock", "ann (token tests)", WHY),
        ("unlock", "ann (token tests)", WHY),
    ]


def test_the_pages_say_it_and_their_buttons_do_nothing_either(client: Client, shop: App, ann: Person) -> None:
    factories.active(shop)
    release = factories.release(shop)
    browser = Client()
    browser.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    lock(client, until=(timezone.now() + timedelta(hours=1)).isoformat())
    page = browser.get("/apps/shop").content.decode()
    assert "shop is locked by ann (token tests)" in page and WHY in page and "deployer unlock -a shop" in page
    browser.post(f"/apps/shop/releases/{release.pk}/promote")
    assert release.rollouts.count() == 0
    listed = client.get("/api/apps").json()["items"][0]["lock"]
    assert listed["reason"] == WHY and listed["until"].endswith("Z")
    assert client.get("/api/apps/shop").json()["lock"] == listed
    send(client, "DELETE", "/lock")
    assert "is locked" not in browser.get("/apps/shop").content.decode()
    assert client.get("/api/apps").json()["items"][0]["lock"] is None


def test_what_runs_goes_on_and_may_be_aborted(client: Client, shop: App) -> None:
    factories.active(shop)
    rollout = actions.promote(factories.release(shop), by=policy.SYSTEM)
    lock(client)
    rollout.transition("rolling")
    aborted = send(client, "POST", f"/rollouts/{rollout.number}/abort")
    assert aborted.status_code == 200 and aborted.json()["abort_by"] == "ann (token tests)"
    rollout.refresh_from_db()
    rollout.transition("rolling_back")
    rollout.transition("rolled_back")


def test_a_push_waits_for_the_unlocking_and_the_newest_wins(client: Client, shop: App) -> None:
    lock(client)
    first, second = built("1" * 40), built("2" * 40)
    shop.refresh_from_db()
    assert shop.next_release is not None and shop.next_release.build == second and not shop.rollouts.exists()
    assert logs.after(second.owner, 0)[-1].message == f"{shop.next_release_id} is promoted when shop is unlocked."
    first.refresh_from_db()
    assert first.refusals == [f"{shop.next_release_id}, which is newer, is promoted next."]
    assert actions.queue_place(second, by=policy.SYSTEM) == "waits until shop is unlocked"
    assert actions.start_next(shop.pk) is None
    send(client, "DELETE", "/lock")
    assert shop.rollouts.get().release.build == second


def test_while_a_rollout_runs_a_push_waits_for_both(client: Client, shop: App) -> None:
    factories.active(shop)
    running = actions.promote(factories.release(shop), by=policy.SYSTEM)
    lock(client)
    build = built()
    words = f"waits for the end of rollout {running.number}, which runs now and until shop is unlocked"
    assert actions.queue_place(build, by=policy.SYSTEM) == words
    actions.abort(running, by=policy.SYSTEM)
    shop.refresh_from_db()
    assert shop.next_release is not None and shop.unfinished_rollout is None
    send(client, "DELETE", "/lock")
    assert shop.unfinished_rollout is not None


def test_a_lock_ends_by_itself_and_what_waited_begins(client: Client, shop: App, redis: Any) -> None:
    lock(client, until=(timezone.now() + timedelta(hours=1)).isoformat())
    built()
    jobs.reap()
    assert not shop.rollouts.exists()
    App.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert send(client, "GET", "/lock").json()["locked"] is False
    assert client.get("/api/apps/shop").json()["lock"] is None
    assert send(client, "DELETE", "/lock").status_code == 409
    jobs.reap()
    assert shop.rollouts.get().automatic


def test_a_persons_build_that_was_to_be_promoted_says_why_not(client: Client, shop: App, ann: Person) -> None:
    """Whoever asked sees it at once; it does not go out at some later time."""
    release = factories.release(shop)
    lock(client)
    with pytest.raises(NotAllowed) as refusal:
        actions.promote_when_free(release, by=policy.actor_for(ann))
    assert "is locked by ann" in refusal.value.message
    shop.refresh_from_db()
    assert shop.next_release is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"reason": "  "},
        {"reason": "x" * 501},
        {"reason": "a\x00b"},
        {"reason": WHY, "until": "2030-01-01T00:00:00"},
        {"reason": WHY, "until": 1900000000},
        {"reason": WHY, "until": "1900000000"},
        {"reason": WHY, "until": "2001-01-01T00:00:00Z"},
        {"reason": WHY, "until": "9999-12-31T23:59:59.999999-23:59"},
        {"reason": WHY, "until": "0001-01-01T00:00:00+23:59"},
        {"reason": WHY, "untill": None},
    ],
)
def test_what_is_no_lock_locks_nothing(client: Client, shop: App, document: dict) -> None:
    assert send(client, "PUT", "/lock", document).status_code == 422
    assert send(client, "GET", "/lock").json()["locked"] is False


def test_a_lock_is_replaced_and_its_time_kept_in_utc(client: Client, shop: App) -> None:
    lock(client)
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    east = end.astimezone(ZoneInfo("Asia/Tokyo")).isoformat()
    said = lock(client, reason="Feast days", until=east)
    assert (said["reason"], datetime.fromisoformat(said["until"])) == ("Feast days", end)
    assert send(client, "GET", "/lock").json() == said
    assert AuditEntry.objects.latest("id").detail["replaced"] == "ann (token tests)"


def test_who_only_looks_may_not_lock_or_unlock(client: Client, shop: App, ann: Person) -> None:
    lock(client)
    Person.objects.update(role=Person.VIEWER)
    assert send(client, "PUT", "/lock", {"reason": WHY}).status_code == 403
    assert send(client, "DELETE", "/lock").status_code == 403
    assert send(client, "GET", "/lock").json()["locked"] is True


def test_a_lock_and_a_promote_in_the_same_instant(together: Any) -> None:
    """Either the rollout began before the lock, or it is refused for it: never after it."""
    by = factories.actor("deployer")
    for _ in range(8):
        app = factories.app()
        release, other = factories.release(app), factories.release(app)
        begun, _ = together(
            lambda release=release: actions.promote(release, by=by),
            lambda app=app: actions.lock_app(app, by=by, reason=WHY),
        )
        deeds = list(AuditEntry.objects.filter(app_name=app.name).order_by("id").values_list("action", flat=True))
        if isinstance(begun, Rollout):
            assert deeds == ["promote", "lock"]
        else:
            assert isinstance(begun, NotAllowed) and "is locked" in begun.message
            assert deeds == ["lock"] and not app.rollouts.exists()
        with pytest.raises(NotAllowed):
            actions.promote(other, by=by)
