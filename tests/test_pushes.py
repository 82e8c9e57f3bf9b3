"""What comes of pushes: promotes that nobody asked for, when they stop, and what is found that no delivery told."""

import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from releases import actions, jobs
from releases.errors import WrongState
from releases.models import App, AuditEntry, Build, Release, Rollout, Source
from releases.models.encrypted import Sealed
from releases.pipeline import deployer_yml
from releases.pipeline.build import Result
from releases.reconciler import Reconciler
from tests import factories, github_payloads
from tests.git_server import Origin, git, serving
from tests.github_payloads import ONE, THREE, TWO
from tests.github_stand_in import standing_in
from tests.test_webhooks import handle_all, source_of, told

pytestmark = pytest.mark.django_db(transaction=True)
RESULT = Result(manifest=deployer_yml.parse(factories.MANIFEST), images={"web": factories.IMAGE})


@pytest.fixture
def app(deployer):
    made = factories.app(by=deployer, name="shop")
    source_of(made)
    return made


def pushed(commit=ONE, **more):
    """The build of a push, queued."""
    return told("push", github_payloads.push(commit, **more)).build


def built(commit=ONE, **more):
    return made(pushed(commit, **more))


def made(build):
    """As its worker ends it."""
    taken = Build.take(build.pk, build.epoch)
    taken.transition("running", started_at=timezone.now())
    actions.finish_build(taken, RESULT)
    return Build.objects.get(pk=build.pk)


def failed(build, **columns):
    taken = Build.take(build.pk, build.epoch)
    taken.transition("running", started_at=timezone.now())
    taken.transition("failed", reason="The RUN failed.", **columns)
    return taken


def rollout_of(build):
    return Rollout.objects.defer(*Rollout.LARGE).filter(release__build=build).order_by("-number").first()


def ends(rollout, status, **columns):
    """As its worker ends it, which then looks what is next."""
    goes_on(rollout, status, **columns)
    actions.start_next(rollout.app_id)


def goes_on(rollout, status, **columns):
    """… and dies right there."""
    steps = {"succeeded": ["rolling"], "rolled_back": ["rolling", "rolling_back"], "failed": [], "cancelled": []}
    taken = Rollout.take(rollout.pk, rollout.epoch)
    for step in steps[status]:
        taken.transition(step)
    taken.transition(status, **{"reason": "web exited with 1.", **columns})
    if status == "succeeded":
        App.objects.filter(pk=rollout.app_id).update(active_release=rollout.release_id)


def source():
    return Source.objects.get(app__name="shop")


# --- Promotes that nobody asked for ----------------------------------------------------------------------------------


def test_a_push_becomes_active_with_nobody_touching_anything(app):
    build = built()
    rollout = rollout_of(build)
    assert (rollout.automatic, rollout.by_label, rollout.by, build.refusals) == (True, "push by ada", None, [])
    assert Release.objects.get().description == "build 1111111111 Say hello"
    ends(rollout, "succeeded")
    assert source().stopped_at is None


def test_an_app_that_only_builds_promotes_nothing(app):
    Source.objects.update(on_push="build")
    assert rollout_of(built()) is None
    assert Release.objects.count() == 1


def test_a_wish_that_was_taken_back_while_it_was_built_counts(app):
    build = pushed()
    Source.objects.update(on_push="build")
    build = made(build)
    assert rollout_of(build) is None
    assert build.refusals == ["A push to shop promotes nothing any more."]


def test_a_pull_requests_build_makes_no_release(app):
    Source.objects.update(build_pull_requests=True)
    build = made(told("pull_request", github_payloads.pull_request()).build)
    assert (build.status, build.reason) == ("succeeded", "It builds. A pull request makes no release.")
    assert not Release.objects.exists()


def test_a_push_waits_for_the_rollout_that_runs_and_the_newest_wins(app):
    first = built(ONE)
    second, third = built(TWO, before=ONE), built(THREE, before=TWO)
    app.refresh_from_db()
    assert (app.next_release.build, app.next_automatic) == (third, True)
    second.refresh_from_db()
    assert "which is newer, is promoted next" in second.refusals[0]
    ends(rollout_of(first), "succeeded")
    rollout = rollout_of(third)
    assert (rollout.automatic, rollout.by_label) == (True, "push by ada")


def test_builds_that_end_in_another_order_are_not_promoted_backwards(app):
    older = pushed(ONE)
    Build.objects.filter(pk=older.pk).update(status="running", taken=True)  # so that the newer one leaves it alone
    newer = built(TWO, before=ONE)
    ends(rollout_of(newer), "succeeded")
    taken = Build.objects.get(pk=older.pk)
    actions.finish_build(taken, RESULT)
    assert rollout_of(taken) is None
    assert taken.refusals == ["Superseded by 2222222, which was promoted since."]


# --- When it stops ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "columns", "words"),
    [
        ("rolled_back", {}, "was rolled back: web exited with 1."),
        ("failed", {}, "failed: web exited with 1."),
        ("rolled_back", {"abort_by": "ann", "abort_requested_at": timezone.now()}, "was aborted by ann."),
        ("cancelled", {"abort_by": "ann", "abort_requested_at": timezone.now()}, "was aborted by ann."),
    ],
)
def test_after_a_rollout_that_came_to_grief_the_app_stops(app, deployer, status, columns, words):
    rollout = rollout_of(built())
    ends(rollout, status, **columns)
    assert source().stopped_at is not None
    assert source().stopped_why == f"Rollout 1 of {rollout.release_id} (1111111) {words}"
    assert AuditEntry.objects.get(action="stop_promoting").by_label == "system"
    next_one = built(TWO, before=ONE)
    assert rollout_of(next_one) is None
    assert next_one.refusals[0].startswith("shop promotes nothing by itself until a person resumes: Rollout 1 of")
    actions.resume(app, by=deployer)
    assert source().stopped_at is None
    assert rollout_of(built(THREE, before=TWO)).automatic
    assert AuditEntry.objects.get(action="resume").by == deployer.person


def test_a_worker_that_dies_right_after_the_end_loses_no_stop(app):
    goes_on(rollout_of(built()), "rolled_back")
    assert source().stopped_at is None
    next_one = built(TWO, before=ONE)
    assert rollout_of(next_one) is None
    assert source().stopped_at is not None


def test_the_reaper_makes_good_a_stop_that_nobody_came_to(app, redis):
    goes_on(rollout_of(built()), "failed")
    jobs.reap()
    assert source().stopped_at is not None


def test_what_was_remembered_is_dropped_when_it_stops(app):
    first, second = built(ONE), built(TWO, before=ONE)
    ends(rollout_of(first), "rolled_back")
    second.refresh_from_db()
    assert rollout_of(second) is None
    assert "promotes nothing by itself" in second.refusals[0]


def test_an_end_is_looked_at_once(app, deployer):
    ends(rollout_of(built()), "rolled_back")
    actions.resume(app, by=deployer)
    jobs_again = actions.start_next(app.pk)
    assert jobs_again is None
    assert source().stopped_at is None
    with pytest.raises(WrongState):
        actions.resume(app, by=deployer)


def test_after_a_persons_rollback_it_stops(app, deployer):
    first = built(ONE)
    ends(rollout_of(first), "succeeded")
    second = built(TWO, before=ONE)
    ends(rollout_of(second), "succeeded")
    old = Release.objects.get(build=first)
    rollout = actions.rollback(old, by=deployer)
    assert source().stopped_why == f"{deployer.label} rolled back to {old.pk}."
    assert source().stopped_by == deployer.label
    ends(rollout, "succeeded")
    assert rollout_of(built(THREE, before=TWO)) is None


def test_who_goes_back_by_a_promote_of_what_was_active_stops_it_too(app, deployer):
    first = built(ONE)
    ends(rollout_of(first), "succeeded")
    second = built(TWO, before=ONE)
    ends(rollout_of(second), "succeeded")
    again = actions.promote(Release.objects.get(build=second), by=deployer)
    assert source().stopped_at is None, "the active one once more is no way back"
    ends(again, "succeeded")
    old = Release.objects.get(build=first)
    ends(actions.promote(old, by=deployer), "succeeded")
    assert source().stopped_why == f"{deployer.label} went back to {old.pk}."
    assert rollout_of(built(THREE, before=TWO)) is None


def test_a_persons_own_promote_that_fails_stops_nothing(app, deployer):
    release = factories.release(app)
    rollout = actions.promote(release, by=deployer)
    ends(rollout, "rolled_back")
    assert source().stopped_at is None


def test_an_app_that_only_builds_has_nothing_to_stop(app, deployer):
    Source.objects.update(on_push="build")
    old = factories.active(app)
    new = factories.active(app)
    actions.rollback(old, by=deployer)
    assert source().stopped_at is None
    assert new.pk


def test_a_commit_that_failed_is_never_promoted_by_itself_again(app, deployer):
    first = pushed(ONE)
    ends(rollout_of(made(first)), "rolled_back")
    actions.resume(app, by=deployer)
    actions.replay_delivery(first.deliveries.get(), by=deployer)
    handle_all()
    again = made(Build.objects.exclude(pk=first.pk).get())
    assert rollout_of(again) is None
    assert again.refusals == ["1111111 is not promoted by itself again: its rollout 1 was rolled back."]
    release = again.releases.get()
    assert actions.promote(release, by=deployer).automatic is False  # by hand it goes


def test_a_commit_whose_build_failed_is_not_promoted_unless_that_was_no_fault_of_its_own(app):
    mine = failed(pushed(ONE))
    led_back = built(ONE, before=THREE)
    assert led_back.refusals == [f"1111111 is not promoted by itself again: its build {mine.pk} failed."]
    failed(pushed(TWO), faultless=True, cause="dns")
    assert rollout_of(built(TWO, before=THREE)) is not None


def test_a_push_in_the_same_instant_as_a_rollback_never_undoes_it(app, deployer, together):
    """In whatever order: either it was before, or it is refused."""
    old = Release.objects.get(build=built(ONE))
    ends(rollout_of(old.build), "succeeded")
    ends(rollout_of(built(TWO, before=ONE)), "succeeded")
    taken = Build.take(pushed(THREE, before=TWO).pk, 1)
    taken.transition("running")
    together(lambda: actions.finish_build(taken, RESULT), lambda: actions.rollback(old, by=deployer))
    taken.refresh_from_db()
    last = Rollout.objects.defer(*Rollout.LARGE).order_by("-number").first()
    if last.kind == "promote":  # it was before: the rollback was refused, as one of a person is while a rollout runs
        assert last.automatic
    else:
        assert taken.refusals
        assert source().stopped_at is not None


# --- Checks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waits(app, settings):
    """GitHub, in small; the app promotes only what its checks find good."""
    with standing_in() as hub:
        settings.GITHUB_API_URL = hub.url
        url = f"http://127.0.0.1:{hub.port}/ada/engine.git"
        Source.objects.update(url=url, wait_for_checks=True, token=Sealed.of("ghp_personal"))
        yield hub
        assert hub.faults == []


def turn():
    Source.objects.update(look_after=timezone.now() + timedelta(hours=1))  # only what waits for checks
    Reconciler(threading.Event()).turn()


def checked(event="check_suite", commit=ONE):
    return told(event, getattr(github_payloads, event)(commit)).decision


def test_a_promote_waits_until_the_checks_are_green(waits):
    build = built()
    assert (build.checks, rollout_of(build)) == ("waiting", None)
    waits.run(ONE, "tests", conclusion=None, status="in_progress")
    assert checked("check_run") == "asked GitHub about the checks of 1111111"
    turn()
    build.refresh_from_db()
    assert build.checks_words == "The checks of 1111111 are not over yet: tests."
    waits.runs.clear()
    waits.run(ONE, "tests")
    checked()
    turn()
    build.refresh_from_db()
    assert (build.checks, build.checks_words) == ("green", "The checks of 1111111 are green: tests.")
    assert rollout_of(build).automatic


def test_checks_that_are_green_before_the_build_is_done_do_not_wait(waits):
    build = pushed()
    waits.run(ONE, "tests")
    checked()
    turn()
    assert rollout_of(made(build)) is not None


def test_what_no_delivery_tells_of_checks_is_asked(waits, settings):
    settings.CHECKS_SECONDS = 0.0
    build = built()
    waits.run(ONE, "tests")
    turn()
    assert rollout_of(build) is not None


def test_red_checks_are_said_and_a_second_run_may_mend_them(waits):
    build = built()
    waits.run(ONE, "lint", conclusion="failure")
    waits.run(ONE, "tests")
    checked()
    turn()
    build.refresh_from_db()
    assert (build.checks, build.refusals) == ("failed", ["The checks of 1111111 failed: lint."])
    assert rollout_of(build) is None
    waits.runs.clear()
    waits.run(ONE, "lint")
    checked()
    turn()
    build.refresh_from_db()
    assert (build.checks, build.refusals) == ("green", [])
    assert rollout_of(build) is not None


def test_checks_that_never_come_are_not_waited_for_for_ever(waits, settings):
    build = built()
    settings.CHECKS_DEADLINE = 0.0
    checked()
    turn()
    build.refresh_from_db()
    assert (build.checks, rollout_of(build)) == ("missed", None)
    assert build.refusals == ["No check has said anything of 1111111 yet. Nobody waits any longer."]


def test_a_github_in_trouble_only_makes_it_late(waits):
    build = built()
    waits.run(ONE, "tests")
    waits.trouble(401, body={"message": "Bad credentials"})
    checked()
    turn()
    build.refresh_from_db()
    assert build.checks == "waiting"
    assert "Bad credentials" in build.checks_words
    checked()
    turn()
    assert rollout_of(build) is not None


@pytest.mark.parametrize("checks", ["waiting", "failed"])
def test_a_limit_of_githubs_is_waited_out_whatever_was_known_before(waits, settings, checks):
    build = built()
    Build.objects.update(checks=checks)
    until = timezone.now() + timedelta(hours=2)
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(until.timestamp()))}
    waits.trouble(403, headers=limit, body={"message": "API rate limit exceeded"})
    checked()
    turn()
    build.refresh_from_db()
    assert build.checks == checks
    assert build.checks_due > timezone.now() + timedelta(hours=1)


def test_what_is_told_of_red_checks_while_github_is_asked_is_asked_anew(waits):
    build = built()
    Build.objects.update(checks="failed", checks_due=timezone.now())
    as_asked = Build.objects.get(pk=build.pk)
    waits.run(ONE, "tests")
    checked()
    actions.checks_told(as_asked, "failed", "The checks of 1111111 failed: tests.")
    turn()
    assert rollout_of(build).automatic


def test_nobody_asks_for_what_nothing_waits_for(waits):
    assert checked() == "skipped: nothing waits for the checks of 1111111"
    turn()
    assert waits.requests == []


# --- What GitHub did not tell ----------------------------------------------------------------------------------------


@pytest.fixture
def origin(app, settings, tmp_path):
    """The app's repository, as a folder; its first commit has been seen."""
    settings.GIT_TRANSPORTS = frozenset({"file"})
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "cache")
    origin = Origin(tmp_path)
    origin.commit({"a": "1"})
    Source.objects.update(url=f"file://{origin.folder}")
    look()
    assert not Build.objects.exists()  # what was there when it was connected is for a person to build
    return origin


def look():
    Source.objects.update(look_after=None)
    Reconciler(threading.Event()).turn()


def test_a_lost_webhook_is_only_late(origin):
    head = origin.commit({"a": "2"}, message="Lost on the way")
    look()
    build = Build.objects.get()
    assert (build.commit, build.origin, build.promote, build.by_label) == (head, "reconciler", True, "reconciler")
    look()
    assert Build.objects.count() == 1
    assert rollout_of(made(build)).automatic


def test_what_a_delivery_told_is_not_built_again(origin):
    head = origin.commit({"a": "2"})
    told("push", github_payloads.push(head))
    look()
    assert Build.objects.count() == 1


def test_a_delivery_that_comes_after_all_is_built_once_more_at_most(origin):
    head = origin.commit({"a": "2"})
    look()
    late = told("push", github_payloads.push(head))
    assert late.decision == f"built already: {Build.objects.get().pk}"


def test_a_look_that_a_newer_push_overtook_does_not_go_back_in_time(origin):
    began = timezone.now()
    older, newer = origin.commit({"a": "2"}), origin.commit({"a": "3"})
    build = told("push", github_payloads.push(newer)).build
    assert actions.head_seen(source(), older, asked_at=began) is None
    assert (Build.objects.get().pk, Build.objects.get().status) == (build.pk, "queued")
    assert source().head != older


def test_a_branch_that_is_led_back_with_nobody_telling_is_followed(origin):
    older = origin.commit({"a": "2"})
    made(told("push", github_payloads.push(older)).build)
    newer = origin.commit({"a": "3"})
    told("push", github_payloads.push(newer))
    look()
    assert Build.objects.count() == 2
    git(origin.folder, "update-ref", "refs/heads/main", older)
    look()
    look()
    found = Build.objects.order_by("created_at").values_list("commit", "origin")
    assert list(found) == [(older, "push"), (newer, "push"), (older, "reconciler")]


def test_what_failed_through_no_fault_of_its_own_is_tried_again_three_times_in_all(origin):
    origin.commit({"a": "2"})
    for _ in range(5):
        look()
        for build in Build.objects.filter(status="queued"):
            failed(build, faultless=True, cause="dns")
    assert Build.objects.count() == 3


def test_what_failed_is_not_tried_again_by_itself(origin):
    origin.commit({"a": "2"})
    look()
    failed(Build.objects.get())
    look()
    assert Build.objects.count() == 1


def test_a_branch_that_is_gone_is_shown_and_a_new_one_is_found(origin):
    git(origin.folder, "update-ref", "-d", "refs/heads/main")
    look()
    assert source().problem
    origin.commit({"a": "3"})
    look()
    assert source().problem == ""
    assert Build.objects.count() == 1


def test_a_network_that_is_away_for_a_moment_is_not_worth_a_word(app, settings, tmp_path):
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "cache")
    Source.objects.update(url="https://nowhere.invalid/ada/engine.git")
    look()
    assert (source().problem, source().failures) == ("", 1)
    first = source().look_after
    look()
    assert source().look_after > first
    look()
    assert "nowhere.invalid" in source().problem


def test_a_push_that_finds_the_queue_full_is_put_off_and_comes_later(origin, settings, deployer):
    settings.BUILDS_PER_APP = 1
    mine = actions.create_build_from_git(App.objects.get(name="shop"), by=deployer)
    head = origin.commit({"a": "2"})
    assert told("push", github_payloads.push(head)).decision.startswith("put off: ")
    look()
    assert Build.objects.count() == 1
    actions.cancel_build(mine, by=deployer)
    look()
    assert Build.objects.get(status="queued").commit == head


def test_an_app_that_does_nothing_is_not_looked_at(origin):
    Source.objects.update(on_push="nothing")
    origin.commit({"a": "2"})
    look()
    assert source().looked_at is None or not Build.objects.exists()


def test_two_reapers_look_once(app, settings, tmp_path, together):
    settings.GIT_TRANSPORTS, settings.GIT_NETWORKS = frozenset({"http"}), (ip_network("127.0.0.1/32"),)
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "cache")
    Origin(tmp_path).commit({"a": "1"})
    with serving(tmp_path) as server:
        Source.objects.update(url=server.url())
        together(*[Reconciler(threading.Event()).turn] * 3)
        assert [path for path, _ in server.asked if path.endswith("/info/refs")] == ["/app.git/info/refs"]
    assert source().head
