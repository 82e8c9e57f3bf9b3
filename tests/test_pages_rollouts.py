"""The page of one rollout: while it waits, while it runs, and what it says at the end."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pages_world import make_rollout, make_world

from releases import policy
from releases.models import App, Release, Rollout
from releases.pages.durations import usual_seconds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


def drawn(client, rollout):
    response = client.get(rollout.get_absolute_url())
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def moments(**seconds):
    """Status → so many seconds after now."""
    return {status: (timezone.now() + timedelta(seconds=after)).isoformat() for status, after in seconds.items()}


def with_command(release):
    command = {"command": ["python", "migrate.py"], "service": "web", "timeout": 300}
    Release.objects.filter(pk=release.pk).update(manifest={**release.manifest, "release": command})
    return Release.objects.get(pk=release.pk)


CRASH = {
    "kind": "exits",
    "service": "worker",
    "process": "worker-5d9c7-x2x8k",
    "what": "is crashing",
    "words": "it exited with 1 after 2 s, once",
    "line": "KeyError: 'QUEUE_URL'",
    "hint": "QUEUE_URL is not among this release's variables.",
    "exits_left": 1,
}


# --- While it runs --------------------------------------------------------------------------------------------------


def test_a_crash_is_told_before_it_dooms_with_what_comes_of_one_more(deployer, world):
    rollout = world.rollout(world.newest, previous=world.active, progress={"applied": True, "causes": [CRASH]})
    page = drawn(deployer, rollout)
    assert "<b>worker-5d9c7-x2x8k is crashing</b>: it exited with 1 after 2 s, once." in page
    assert f"One more exit and this rollout restores {world.active.pk}." in page
    assert "KeyError: &#x27;QUEUE_URL&#x27;" in page and "the last line it wrote" in page
    assert "worker-5d9c7-x2x8k is crashing" in page.split("data-announce=")[1][:120]


def test_what_may_pass_says_until_when(deployer, world):
    until = timezone.now() + timedelta(seconds=60)
    slow = {"kind": "never_ready", "service": "web", "process": "web-1", "what": "is not ready"}
    cause = {**slow, "others": 2, "since": timezone.now().isoformat(), "until": until.isoformat()}
    first = world.rollout(world.newest, progress={"causes": [cause]})
    page = drawn(deployer, first)
    assert "web-1 and 2 more are not ready" in page and 'class="cause busy"' in page
    assert f"{until:%H:%M:%S} UTC" in page and "this rollout is taken down again" in page


def test_once_it_is_decided_the_verdict_speaks_alone(deployer, world):
    progress = {"applied": True, "causes": [CRASH], "restore_since": timezone.now().isoformat()}
    rollout = world.rollout(world.newest, "rolling_back", progress=progress, reason="worker-1 has ended twice.")
    page = drawn(deployer, rollout)
    assert "worker-1 has ended twice." in page and "is crashing" not in page and 'id="abort"' not in page


def test_each_step_that_is_done_says_how_long_it_took(deployer, world):
    release = with_command(world.newest)
    entered = moments(releasing=-50, rolling=-46)
    ready = (timezone.now() - timedelta(seconds=6)).isoformat()
    services = {"web": {"desired": 1}}
    squares = [{"service": "web", "name": "web-1", "state": "ready", "release": release.pk, "note": ""}]
    progress = {"applied": True, "entered": entered, "ready_since": ready, "services": services}
    page = drawn(deployer, world.rollout(release, progress=progress, squares=squares, previous=world.active))
    assert "python migrate.py · 4 s" in page and "1 of 1 processes · 40 s" in page
    assert '<li class="now" aria-current="step">' in page and "ready for 10 s" in page


def test_who_and_from_where(deployer, world):
    ways = {
        "a-deployer (token ci)": "by you, with the token ci",
        "a-deployer": "by you, in the browser",
    }
    rollout = world.rollout(world.newest, "queued")
    for label, words in ways.items():
        Rollout.objects.filter(pk=rollout.pk).update(by_label=label)
        assert words in drawn(deployer, rollout)
    Rollout.objects.filter(pk=rollout.pk).update(by=None, by_label="push by ada", automatic=True)
    page = drawn(deployer, rollout)
    assert "push by ada" in page and "by push" not in page


def test_what_an_abort_does_is_written_beside_it(deployer, client, world):
    rollout = world.rollout(world.newest, "queued", previous=world.active)
    assert "an abort just ends it" in drawn(deployer, rollout)
    Rollout.objects.filter(pk=rollout.pk).update(status="releasing")
    assert "may have run in part" in drawn(deployer, rollout)
    Rollout.objects.filter(pk=rollout.pk).update(status="rolling", progress={"job": "uid"})
    page = drawn(deployer, rollout)
    assert f"An abort brings {world.active.pk} back on every process." in page and "is not reverted" in page
    response = deployer.post(f"{rollout.get_absolute_url()}/abort", follow=True)
    assert f"Abort is asked for: {world.active.pk} comes back." in response.content.decode()
    client.force_login(world.people["viewer"])
    assert "Abort needs the role deployer" in drawn(client, rollout)


def test_paused_waiting_and_away_are_said(deployer, world):
    rollout = world.rollout(world.newest, "paused", previous=world.active)
    assert "It is paused" in drawn(deployer, rollout)
    Rollout.objects.filter(pk=rollout.pk).update(
        status="rolling", progress={"applied": True, "away_since": timezone.now().isoformat()}
    )
    assert "The cluster does not answer." in drawn(deployer, rollout)
    Rollout.objects.filter(pk=rollout.pk).update(status="queued", progress={})
    assert "Waits for a worker" in drawn(deployer, rollout)


def test_what_comes_next_is_said(deployer, world):
    rollout = world.rollout(world.newest, previous=world.active)
    App.objects.filter(pk=world.app.pk).update(next_release=world.old, next_by_label="push by ada")
    page = drawn(deployer, rollout)
    assert "Next, when this is over:" in page and f"releases/{world.old.pk}" in page and "push by ada" in page


# --- At the end -----------------------------------------------------------------------------------------------------


def test_a_success_says_what_is_active_and_for_how_long_it_took(deployer, world):
    App.objects.filter(pk=world.app.pk).update(active_release=world.newest)
    rollout = world.rollout(world.newest, "succeeded", previous=world.active)
    page = drawn(deployer, rollout)
    assert f"{world.newest.pk} is active on every process, after 1:10. It replaced {world.active.pk}." in page
    App.objects.filter(pk=world.app.pk).update(active_release=world.old)
    page = drawn(deployer, rollout)
    assert "became active on every process after 1:10" in page and "By now" in page


def test_after_a_restore_one_may_promote_again(deployer, world):
    reason = "web-1 exited with 1; it has ended twice."
    progress = {"applied": True, "restore_since": timezone.now().isoformat(), "entered": moments(rolling_back=60)}
    rollout = world.rollout(world.newest, "rolled_back", previous=world.active, reason=reason, progress=progress)
    page = drawn(deployer, rollout)
    assert f"{world.active.pk} is active again, on every process" in page
    assert f"back to {world.active.pk} · 10 s" in page
    assert f'formaction="/apps/hello/releases/{world.newest.pk}/promote">Promote again' in page
    world.rollout(world.old, "succeeded")
    assert "Promote again" not in drawn(deployer, rollout)  # something else was promoted since


def test_a_viewer_reads_why_they_can_not_promote_again(client, world):
    client.force_login(world.people["viewer"])
    rollout = world.rollout(world.newest, "failed", previous=world.active, reason="The cluster said no.")
    page = drawn(client, rollout)
    assert "Promote needs the role deployer" in page
    assert f"Nothing that runs was changed. {world.active.pk} is still active." in page


def test_a_restore_that_failed_says_which_service_runs_what(deployer, world):
    squares = [
        {"service": "web", "name": "web-1", "state": "ready", "release": world.newest.pk, "note": ""},
        {"service": "web", "name": "web-2", "state": "old", "release": world.active.pk, "note": ""},
    ]
    progress = {"applied": True, "restore_since": timezone.now().isoformat()}
    rollout = world.rollout(world.newest, "failed", previous=world.active, progress=progress, squares=squares)
    page = drawn(deployer, rollout)
    assert "The restore failed too" in page
    assert f"1 of {min(world.newest.pk, world.active.pk)}, 1 of {max(world.newest.pk, world.active.pk)}" in page


def test_one_leads_to_those_before_and_after(deployer, world):
    first = Rollout.objects.get(app=world.app, number=1)
    page = drawn(deployer, first)
    assert 'rel="next" href="/apps/hello/rollouts/2"' in page and 'rel="prev"' not in page
    second = drawn(deployer, Rollout.objects.get(app=world.app, number=2))
    assert 'rel="prev" href="/apps/hello/rollouts/1"' in second and 'rel="next"' not in second
    replaced = world.rollout(world.newest, "superseded", reason="Replaced by rollout 4.")
    assert "Rollout 4 took its place." in drawn(deployer, replaced)


# --- What it is measured by -----------------------------------------------------------------------------------------


def test_what_is_usual_is_the_median_of_the_last_ten_of_its_kind(world):
    def took(seconds, **given):
        rollout = world.rollout(world.newest, "succeeded", **given)
        Rollout.objects.filter(pk=rollout.pk).update(finished_at=rollout.created_at + timedelta(seconds=seconds))
        return rollout

    Rollout.objects.filter(app=world.app).delete()
    assert usual_seconds(world.app) is None
    for seconds in (1000, 1000, 1000, *range(10, 110, 10)):
        promote = took(seconds)
    back = took(3, kind="rollback")
    assert usual_seconds(world.app, like=promote) == pytest.approx(55)
    assert usual_seconds(world.app, like=back) == pytest.approx(3)
    assert usual_seconds(world.app, like=Rollout(kind="rollback", strategy="immediate")) > 3


def test_each_move_notes_when_it_was_made(world):
    rollout = world.rollout(world.newest, "queued", progress={"inherits": True})
    rollout.transition("rolling", progress={**rollout.progress, "applied": True})
    rollout.transition("succeeded")
    rollout.refresh_from_db()
    assert list(rollout.progress["entered"]) == ["rolling", "succeeded"]
    assert rollout.progress["applied"] and rollout.progress["inherits"]


def test_a_rollout_of_long_ago_is_drawn_without_what_was_not_noted_then(deployer, world):
    odd = {"causes": [{}], "services": {}, "entered": {"rolling": "never"}}
    for status in Rollout.MOVES:
        Rollout.objects.filter(app=world.app, number=2).update(status=status, progress=odd, squares=[{}])
        drawn(deployer, Rollout.objects.get(app=world.app, number=2))


def queries(client, rollout):
    with CaptureQueriesContext(connection) as asked:
        drawn(client, rollout)
    return len(asked)


def test_the_number_of_queries_is_the_same_for_few_and_many(deployer, world):
    rollout = world.rollout(world.newest, previous=world.active)
    few = queries(deployer, rollout)
    by = policy.actor_for(world.people["deployer"])
    Rollout.objects.filter(pk=rollout.pk).update(status="failed")
    for _ in range(12):
        make_rollout(world.app, world.old, "succeeded", by=by)
    Rollout.objects.filter(pk=rollout.pk).update(
        status="rolling", squares=[{"service": "web", "name": f"web-{n}", "state": "ready"} for n in range(300)]
    )
    assert queries(deployer, rollout) == few


@pytest.mark.parametrize(("seconds", "said"), [(0.3, "0:01"), (11.6, "0:12"), (59.7, "1:00"), (3661, "1:01:01")])
def test_what_is_over_took_at_least_a_second_and_the_same_everywhere(deployer, world, seconds, said):
    begun = timezone.now() - timedelta(hours=2)
    world.rollout(world.newest, "succeeded")
    ended = begun + timedelta(seconds=seconds)
    Rollout.objects.filter(number=3).update(created_at=begun, finished_at=ended)
    for path in ("/apps/hello/rollouts/3", "/releases"):
        assert f">{said}<" in deployer.get(path).content.decode(), path
