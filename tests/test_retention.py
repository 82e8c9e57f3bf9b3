"""What is left of old builds: the rule, and the going of logs. Of images: test_image_removal."""

from datetime import timedelta

import pytest
from django.utils import timezone

from releases import actions, policy
from releases.errors import NotAllowed
from releases.models import App, AuditEntry, Build, LogLine
from releases.pipeline import retention, retention_rounds
from tests import factories
from tests.clusters import eventually
from tests.old_builds import OLD, gone, old, released

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_kept_for_being_new(settings):
    settings.KEPT_BUILDS, settings.KEPT_DAYS, settings.KEPT_RELEASES = 1, 30.0, 1


def text_of(build) -> list[str]:
    return list(LogLine.objects.filter(owner=build.pk).order_by("number").values_list("message", flat=True))


# --- The rule -------------------------------------------------------------------------------------------------------


def test_what_one_could_go_back_to_stays_and_the_rest_goes(app, settings):
    settings.KEPT_RELEASES = 2
    never = old(app)
    failed = old(app, status="failed")
    before = released(app, active=True)
    previous, active = released(app, active=True), released(app, active=True)
    remembered, rolling = released(app), released(app)
    App.objects.filter(pk=app.pk).update(next_release=remembered)
    factories.rollout(rolling, status="rolling")
    App.objects.filter(pk=app.pk).update(rollouts_made=0)
    unfinished = old(app, status="running")
    young = old(app, age=timedelta(days=29))
    unpromoted = released(app)
    newest = old(app, age=timedelta(days=1))
    assert gone(app) == {never.pk, failed.pk, before.build_id}
    stay = {each.build_id for each in (previous, active, remembered, rolling, unpromoted)}
    assert {unfinished.pk, young.pk, newest.pk} | stay == set(
        app.builds.filter(log_removed_at=None).values_list("pk", flat=True)
    )
    settings.KEPT_BUILDS = 0
    assert gone(app) == {never.pk, failed.pk, before.build_id}, "what is young stays all the same"
    [entry] = AuditEntry.objects.filter(action="retention")
    assert entry.app_name == app.name and set(entry.detail["builds"]) == {never.pk, failed.pk, before.build_id}


def test_what_was_active_before_stays_beside_the_newest_so_many(app):
    earlier, previous, active = released(app, active=True), released(app, active=True), released(app, active=True)
    active.rollouts.update(previous=previous)
    old(app)
    assert gone(app) == {earlier.build_id}


def test_the_log_and_the_api_say_what_has_become_of_it(app, client, deployer):
    release, other = released(app), old(app, status="failed")
    released(app, active=True), old(app)
    assert gone(app) == {release.build_id, other.pk}
    day = f"{Build.objects.get(pk=release.build_id).log_removed_at:%Y-%m-%d}"
    [words] = text_of(release.build)
    assert words.startswith(f"The log and the images were removed on {day} by retention: ")
    assert text_of(other)[0].startswith(f"The log was removed on {day} by retention")
    client.force_login(deployer.person, backend="django.contrib.auth.backends.ModelBackend")
    found = client.get(f"/api/apps/{app.name}/builds/{release.build_id}").json()
    assert found["log_removed"].startswith(day) and found["images_removed"].startswith(day)
    found = client.get(f"/api/apps/{app.name}/builds/{other.pk}").json()
    assert found["log_removed"] and found["images_removed"] is None
    assert client.get(f"/apps/{app.name}/builds/{release.build_id}").status_code == 200


def test_nothing_begins_with_what_is_gone_and_it_is_said_before(app, deployer):
    release = released(app)
    released(app, active=True), old(app)
    assert release.build.images_removed_at is None, "and so it was read"
    retention.go()
    day = f"{Build.objects.get(pk=release.build_id).images_removed_at:%Y-%m-%d}"
    words = f"The images of {release.pk} were removed on {day} by retention: build it anew."
    for deed in (actions.promote, actions.rollback, actions.promote_when_free):
        with pytest.raises(NotAllowed) as raised:
            deed(release, by=deployer)
        assert raised.value.reasons == [words]
    assert [reason.name for reason in policy.refusals("rollback", by=deployer, app=app, release=release)] == [
        "images_removed"
    ]
    assert app.releases.filter(rolled_back_to=release).count() == 0


@pytest.mark.parametrize("attempt", range(3))
def test_a_rollback_at_this_very_moment_gets_its_images_or_a_reason(app, deployer, together, attempt):
    release = released(app)
    released(app, active=True), old(app)
    rollout, ids = together(
        lambda: actions.rollback(release, by=deployer), lambda: retention.let_go(app.pk, timezone.now())
    )
    removed = Build.objects.get(pk=release.build_id).images_removed_at
    if isinstance(rollout, NotAllowed):
        assert removed and "by retention" in rollout.message
    else:
        assert rollout.status == "queued" and removed is None and ids == []


def test_a_log_goes_in_pieces_and_whoever_comes_next_goes_on(app, settings, monkeypatch):
    build = old(app, lines=2_500)
    old(app, age=timedelta(0))
    retention.let_go(app.pk, timezone.now())
    assert LogLine.objects.filter(owner=build.pk).count() == 2_501, "written down, and then the worker was killed"
    assert retention.delete_lines() == 2_500 and len(text_of(build)) == 1
    assert retention.delete_lines() == 0


def test_an_app_that_is_being_deleted_is_left_alone(app):
    old(app), old(app)
    App.objects.filter(pk=app.pk).update(deleting_at=timezone.now())
    assert gone(app) == set()


def test_rounds_run_beside_the_reaper(app, settings):
    build, _ = old(app), old(app)
    rounds = retention_rounds.Rounds()
    rounds.go()
    eventually(lambda: not rounds.thread.is_alive())
    assert text_of(build)[0].startswith("The log was removed")
    again = old(app, age=OLD * 2)
    rounds.go()
    assert not rounds.thread.is_alive() and len(text_of(again)) == 3, "no round is due"
    settings.RETENTION_SECONDS = 0.001
    rounds.go()
    eventually(lambda: len(text_of(again)) == 1)
    eventually(lambda: not rounds.thread.is_alive())
